/* Runs a network over payloads that are compiled in; prints a hash of the whole state after every step, then what a step
   costs. board.h says how to print, to count instructions and to end. */
#include "board.h"
#include "network.h"
#include "payloads.h"

#include <stddef.h>

static network_state state;

void *memset(void *to, int value, size_t size) {
  unsigned char *at = to;
  while (size-- > 0) {
    *at++ = (unsigned char)value;
  }
  return to;
}

void *memcpy(void *to, const void *from, size_t size) {
  unsigned char *at = to;
  const unsigned char *source = from;
  while (size-- > 0) {
    *at++ = *source++;
  }
  return to;
}

static void print_number(const char *name, uint32_t value) {
  char text[24];
  int at = 24;
  text[--at] = 0;
  text[--at] = '\n';
  do {
    text[--at] = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  board_print(name);
  board_print(" ");
  board_print(text + at);
}

static uint32_t hash_of(uint32_t hash) {
  const unsigned char *at = (const unsigned char *)&state;
  for (size_t k = 0; k < sizeof state; ++k) {
    hash = (hash ^ at[k]) * 16777619u;
  }
  return hash;
}

int main(void) {
  network_in in;
  network_out out;
  uint32_t hash = 2166136261u, begun;
  network_init(&state);
  for (int t = 0; t < STEPS; ++t) {
    memcpy(&in, payloads[t], sizeof in);
    if (network_step(&state, &in, &out) != NETWORK_OK) {
      board_end(1);
    }
    hash = hash_of(hash);
    print_number("state", hash);
  }
  network_init(&state);
  begun = board_instructions();
  for (int t = 0; t < STEPS; ++t) {
    memcpy(&in, payloads[t], sizeof in);
    (void)network_step(&state, &in, &out);
  }
  print_number("instructions", (board_instructions() - begun) / STEPS);
  board_end(0);
  return 0;
}
