/* What main.c asks of a board. */
#include <stdint.h>

void board_print(const char *text);
uint32_t board_instructions(void);
void board_end(int code);
