/* What the network needs of string.h, for compilers that come without a C library; main.c defines both. */
#include <stddef.h>

void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);
