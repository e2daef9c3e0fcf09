// Runs main.c compiled to WebAssembly, with the board that it asks for.

import { readFileSync } from "node:fs";

let memory;

function print(at) {
  const bytes = new Uint8Array(memory.buffer, at);
  process.stdout.write(String.fromCharCode(...bytes.subarray(0, bytes.indexOf(0))));
}

const board = { board_print: print, board_instructions: () => 0, board_end: (code) => process.exit(code) };
const { instance } = await WebAssembly.instantiate(readFileSync(process.argv[2]), { env: board });
memory = instance.exports.memory;
instance.exports.main();
