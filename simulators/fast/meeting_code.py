"""Where threads that share a block wait for each other, as an LLVM function: a counter that all of them raise.

A meeting takes well under a microsecond where every thread has a core. Where one has not, the others give way to it.
"""

from __future__ import annotations

from simulators.fast.assembly import Function

PARAMETERS = "ptr %args, i64 %from, i64 %to, i64 %first, i64 %last"
ARGUMENTS = ("counter", "threads")
"""The table of arguments: the address of the counter, which only rises, and how many threads meet."""

PATIENCE = 20_000
"""Looks at the counter before a thread gives way at each further one: some ten microseconds."""


def meeting_function() -> Function:
    """The function that returns once all threads have called it."""
    code = Function(PARAMETERS)
    counter = code.put(f"inttoptr i64 {code.word('%args', 0)} to ptr", "p")
    threads = code.word("%args", 1)
    ticket = code.put(f"atomicrmw add ptr {counter}, i64 1 acq_rel")
    complete = code.times(code.plus(code.put(f"udiv i64 {ticket}, {threads}"), 1), threads)
    missing, looks = code.slot("i64", "missing"), code.slot("i64", "looks")
    code.store("i64", "1", missing, 8)
    code.store("i64", "0", looks, 8)
    with code.while_not_zero(missing):
        seen = code.put(f"load atomic i64, ptr {counter} acquire, align 8")
        waiting = code.put(f"icmp slt i64 {seen}, {complete}")
        code.store("i64", code.put(f"zext i1 {waiting} to i64"), missing, 8)
        count = code.plus(code.load("i64", looks, 8), 1)
        code.store("i64", count, looks, 8)
        with code.when(code.put(f"icmp sgt i64 {count}, {PATIENCE}")):
            code.call("i32", "sched_yield")
    return code
