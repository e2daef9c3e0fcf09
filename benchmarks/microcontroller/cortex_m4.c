/* The board mps2-an386 of qemu: a Cortex-M4 that prints by semihosting. With -icount shift=0 an instruction takes 1 ns, and
   SysTick counts 25 MHz: a tick is 40 instructions. */
#include "board.h"

#define SYSTICK ((volatile uint32_t *)0xE000E010u)
#define TICK_INSTRUCTIONS 40u

int main(void);
extern uint32_t stack_top, data_from, data_begin, data_end, bss_begin, bss_end;

static int32_t semihost(int32_t operation, const void *argument) {
  register int32_t r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

void board_print(const char *text) { semihost(4, text); }

uint32_t board_instructions(void) { return (0xFFFFFFu - SYSTICK[2]) * TICK_INSTRUCTIONS; }

void board_end(int code) {
  const int32_t why[2] = {0x20026, code};
  semihost(0x20, why);
  for (;;) {
  }
}

void reset(void) {
  uint32_t *from = &data_from;
  for (uint32_t *at = &data_begin; at < &data_end; ++at) {
    *at = *from++;
  }
  for (uint32_t *at = &bss_begin; at < &bss_end; ++at) {
    *at = 0;
  }
  SYSTICK[1] = 0xFFFFFFu;
  SYSTICK[2] = 0;
  SYSTICK[0] = 5;
  main();
}

static void fault(void) { board_end(2); }

__attribute__((section(".vectors"), used)) static const void *const vectors[16] = {
    &stack_top, (const void *)reset, (const void *)fault, (const void *)fault, (const void *)fault, (const void *)fault};
