import asyncio
import sys
import unittest

from inferlet import InferletError, Sampler, messaging
from inferlet.waiting import close_idle_loop, in_loop

from .support import Case, Clock, context, run


def elapsed(coroutine_function):
    """Virtual seconds that a program takes."""
    start = Clock.now
    run(coroutine_function())
    return (Clock.now - start) / 1e9


class Time(Case):
    def test_sleeping_moves_virtual_time_by_as_much(self):
        self.assertAlmostEqual(elapsed(lambda: asyncio.sleep(3600)), 3600, places=6)

    def test_gathered_sleeps_overlap(self):
        async def program():
            await asyncio.gather(*(asyncio.sleep(seconds) for seconds in (0.3, 0.1, 0.2)))

        self.assertAlmostEqual(elapsed(program), 0.3, places=6)

    def test_timers_end_in_the_order_of_their_times(self):
        async def program():
            order = []
            loop = asyncio.get_running_loop()
            for delay in (0.3, 0.1, 0.2):
                loop.call_later(delay, order.append, delay)
            await asyncio.sleep(1)
            return order

        self.assertEqual(run(program()), [0.1, 0.2, 0.3])

    def test_a_timeout_ends_a_wait_that_would_never_end(self):
        async def program():
            with self.assertRaises(asyncio.TimeoutError):
                await asyncio.wait_for(messaging.pull("nobody pushes"), 0.25)

        self.assertAlmostEqual(elapsed(program), 0.25, places=6)

    def test_timers_that_are_cancelled_neither_wake_nor_stay(self):
        async def program():
            loop = asyncio.get_running_loop()
            for _ in range(1000):
                loop.call_later(1000, self.fail).cancel()
            await asyncio.sleep(0.001)
            await asyncio.sleep(0.001)
            return len(loop._scheduled)

        start = Clock.now
        self.assertLess(run(program()), 500)
        self.assertLess(Clock.now - start, 1e9)


class Tasks(Case):
    def test_passes_of_tasks_overlap(self):
        async def program(count):
            contexts = [context(letter * 3) for letter in "abcd"[:count]]
            await asyncio.gather(*(ctx.generate(Sampler.argmax(), max_tokens=5).collect_tokens() for ctx in contexts))

        alone = elapsed(lambda: program(1))
        self.assertEqual(elapsed(lambda: program(4)), alone)

    def test_of_tasks_that_are_ready_at_once_the_first_made_goes_first(self):
        async def program():
            order = []

            async def work(name):
                await asyncio.sleep({"a": 2, "b": 1, "c": 3}[name] / 1000)
                # From here on all wait for passes that end at the same time.
                for _ in range(3):
                    ctx = context("x")
                    await gate.wait()
                    await ctx.flush()
                    order.append(name)

            gate = asyncio.Event()
            tasks = [asyncio.create_task(work(name)) for name in "abc"]
            await asyncio.sleep(1)
            gate.set()
            await asyncio.gather(*tasks)
            return "".join(order)

        self.assertEqual(run(program()), "abcabcabc")

    def test_a_busy_task_does_not_keep_others_from_the_engine(self):
        async def program():
            flushed = asyncio.create_task(context("x").flush())
            turns = 0
            while not flushed.done():
                await asyncio.sleep(0)
                turns += 1
            return turns

        self.assertLess(run(program()), 1000)

    def test_queues_events_locks_and_semaphores_work(self):
        async def program():
            queue = asyncio.Queue(2)

            async def produce():
                for number in [*range(5), None]:
                    await queue.put(number)

            async def consume():
                return [number async for number in numbers()]

            async def numbers():
                while (number := await queue.get()) is not None:
                    yield number

            _, got = await asyncio.gather(produce(), consume())
            semaphore, active, peak = asyncio.Semaphore(2), 0, 0

            async def limited():
                nonlocal active, peak
                async with semaphore:
                    active += 1
                    peak = max(peak, active)
                    await asyncio.sleep(0.01)
                    active -= 1

            await asyncio.gather(*(limited() for _ in range(6)))
            return got, peak

        self.assertEqual(run(program()), ([0, 1, 2, 3, 4], 2))

    def test_a_cancelled_task_cleans_up_and_its_context_goes_on(self):
        async def program(cut):
            ctx = context("abc")
            task = asyncio.create_task(ctx.generate(Sampler.argmax(), max_tokens=9).collect_tokens())
            await asyncio.sleep(cut * 1e-9)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            left = 9 - (len(ctx.buffer()) + ctx.seq_len - 6)
            await ctx.generate(Sampler.argmax(), max_tokens=left, auto_flush=False).collect_tokens()
            return [token for token, _ in ctx._raw.state.slots] + ctx.buffer()

        reference = context("abc")
        run(reference.generate(Sampler.argmax(), max_tokens=9).collect_tokens())
        expected = [token for token, _ in reference._raw.state.slots] + reference.buffer()
        for cut in (5, 15, 25, 42):
            self.assertEqual(run(program(cut)), expected, cut)

    @unittest.skipIf(sys.version_info < (3, 11), "task groups and `asyncio.timeout` came with Python 3.11")
    def test_task_groups_and_timeouts_work(self):
        async def program():
            done = []

            async def work(number):
                await asyncio.sleep(0.01 * (4 - number))
                done.append(number)

            async with asyncio.TaskGroup() as group:
                for number in range(4):
                    group.create_task(work(number), name=f"work-{number}")
            with self.assertRaises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await asyncio.sleep(1000)
            return done

        self.assertEqual(run(program()), [3, 2, 1, 0])

    def test_what_is_left_at_the_end_is_cancelled(self):
        seen = []

        async def program():
            async def forever():
                try:
                    await asyncio.sleep(1e9)
                finally:
                    seen.append("cleaned up")

            asyncio.get_running_loop().left = asyncio.create_task(forever())
            await asyncio.sleep(0)

        start = Clock.now
        run(program())
        self.assertEqual(seen, ["cleaned up"])
        self.assertLess(Clock.now - start, 1e9)


class Refusals(Case):
    def test_waiting_for_nothing_is_an_error_that_names_the_line(self):
        async def program():
            await asyncio.Event().wait()

        with self.refused("nothing will ever provide", "test_loop.py`, line"):
            run(program())

    def test_threads_sockets_and_processes_are_refused_in_words(self):
        async def program(what):
            await what()

        with self.refused("no threads", "`print`"):
            run(program(lambda: asyncio.to_thread(print)))
        with self.refused("no sockets"):
            run(program(lambda: asyncio.open_connection("localhost", 1)))
        with self.refused("starts no processes"):
            run(program(lambda: asyncio.create_subprocess_exec("ls")))


class Blocking(Case):
    def test_outside_of_a_loop_a_call_that_waits_blocks(self):
        self.assertFalse(in_loop())
        ctx = context("abc")
        self.assertIsNone(ctx.flush())
        self.assertEqual((ctx.seq_len, ctx.buffer()), (6, []))

    def test_inside_of_a_loop_the_same_call_is_awaited(self):
        async def program():
            ctx = context("abc")
            waiting = ctx.flush()
            self.assertEqual(ctx.seq_len, 0)
            await waiting
            return ctx.seq_len

        self.assertEqual(run(program()), 6)

    def test_the_wrong_loop_is_refused(self):
        async def program():
            with self.assertRaisesRegex(InferletError, "not the engine's"):
                await context("abc").flush()

        asyncio.run(program())

    def test_a_loop_that_is_closed_is_replaced(self):
        context("a").flush()
        close_idle_loop()
        ctx = context("a")
        ctx.flush()
        self.assertEqual(ctx.seq_len, 4)
