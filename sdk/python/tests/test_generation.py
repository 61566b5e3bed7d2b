import asyncio
import random
from dataclasses import dataclass
from unittest import mock

from inferlet import (
    AnyJson,
    Context,
    Distribution,
    Entropy,
    GrammarConstraint,
    JsonSchema,
    Model,
    Regex,
    Sampler,
    brle,
)
from inferlet.progress import Progress
from inferlet.spec import check_drafts, held_drafts, verify
from inferlet_bindings.imports import pie_core_scheduling

from .support import END, VOCABULARY, Case, Clock, context, run, sequence, token_of

PASS = 10


def tokens(ctx, **options):
    return run(ctx.generate(options.pop("sampler", Sampler.argmax()), **options).collect_tokens())


async def steps(generator):
    generated = []
    async for step in generator:
        generated += (await step.execute()).tokens
    return generated


class Script:
    """Drafts what it is told to, at the right positions, and keeps the record that a speculator can rely on."""

    def __init__(self, ctx, drafts):
        self.drafts = [list(draft) for draft in drafts]
        self.length = len(sequence(ctx))
        # Drafts of this step; none where it was not asked for any.
        self.open = None

    def draft(self):
        drafts = self.drafts.pop(0) if self.drafts else []
        self.open = len(drafts)
        return drafts, list(range(self.length, self.length + len(drafts)))

    def accept(self, accepted):
        # Without drafts, a constraint may have forced any number.
        assert self.open is None or len(accepted) <= self.open + 1, f"{accepted} behind {self.open} drafts"
        self.length += len(accepted)
        self.open = None

    def rollback(self, n):
        if self.open is not None:
            self.open -= n

    def reset(self):
        pass


class Letters:
    """Allows the tokens of some letters at even places, and of others at odd ones. Records what it was told."""

    def __init__(self, even, odd=None):
        self.masks = [brle.from_indices([token_of(x) for x in letters], VOCABULARY) for letters in (even, odd or even)]
        self.told = []

    def step(self, accepted):
        self.told += accepted
        return self.masks[len(self.told) % 2]


class Spelled:
    """Forces the tokens of a text one by one where its letters are capitals; of the others, allows one or the next."""

    def __init__(self, text):
        self.masks = []
        for letter in text:
            ids = [token_of(letter)] if letter.isupper() else [token_of(letter), (token_of(letter) + 1) % 60]
            self.masks.append(brle.from_indices(ids, VOCABULARY))
        self.at = 0

    def step(self, accepted):
        self.at += len(accepted)
        return self.masks[self.at] if self.at < len(self.masks) else [END, 1]


class Plain(Case):
    def test_accepted_tokens_are_part_of_the_context(self):
        ctx = context("abc")
        before = sequence(ctx)
        generated = tokens(ctx, max_tokens=9)
        self.assertTrue(generated)
        self.assertEqual(sequence(ctx), before + generated)

    def test_a_generation_can_be_continued(self):
        whole = tokens(context("abc"), max_tokens=10)
        ctx = context("abc")
        head = tokens(ctx, max_tokens=4)
        self.assertEqual(head + tokens(ctx, max_tokens=6, auto_flush=False, stop=[END]), whole)

    def test_the_text_is_that_of_the_tokens(self):
        generated = tokens(context("abc"))
        text = run(context("abc").generate(Sampler.argmax()).collect_text())
        self.assertEqual(text, Model.load("default").tokenizer().decode(generated))

    def test_it_cues_the_model_unless_told_not_to(self):
        ctx = Context(Model.load("default")).user("abc")
        cued, plain = ctx.fork(), ctx.fork()
        self.assertEqual(tokens(cued, max_tokens=3), tokens(context("abc"), max_tokens=3))
        plain.generate(Sampler.argmax(), auto_flush=False)
        self.assertEqual(plain.buffer(), ctx.buffer())

    def test_a_stop_token_ends_it_and_is_left_to_the_caller(self):
        ctx = context("abc")
        g = ctx.generate(Sampler.argmax())
        generated = run(steps(g))
        self.assertTrue(g.is_done and generated)
        self.assertEqual((g.stopped_by, g.tokens_generated), (END, len(generated)))
        self.assertNotIn(END, ctx.buffer())

    def test_stop_replaces_the_set_and_add_stop_appends(self):
        whole = tokens(context("abc"))
        for cut in (
            tokens(context("abc"), stop=[whole[2]]),
            run(context("abc").generate(Sampler.argmax()).stop([whole[2]]).collect_tokens()),
            run(context("abc").generate(Sampler.argmax()).add_stop([whole[2]]).collect_tokens()),
        ):
            self.assertEqual(cut, whole[: whole.index(whole[2])])
        past = tokens(context("abc"), stop=[], max_tokens=len(whole) + 1)
        self.assertEqual(past, [*whole, END])
        raw = tokens(context("abc"), auto_flush=False, max_tokens=len(whole) + 1)
        self.assertEqual(raw, past, "without cue there are no stop tokens by default")

    def test_a_limit_of_zero_runs_no_pass(self):
        ctx = context("abc")
        self.assertEqual(tokens(ctx, max_tokens=0), [])
        self.assertEqual(ctx.seq_len, 0)

    def test_without_any_token_there_is_nothing_to_predict_from(self):
        with self.refused("call `cue`"):
            tokens(Context(Model.load("default")), auto_flush=False)

    def test_a_sampler_that_does_not_choose_is_refused(self):
        with self.refused("`Dist`"):
            context("abc").generate(Sampler.dist())

    def test_a_flushed_context_generates_what_a_buffered_one_does(self):
        for prompt in ("", "abc", "abcd", "abcdefghijk"):
            for limit in (1, 5, 11):
                expected = tokens(context(prompt), max_tokens=limit)
                ctx = context(prompt)
                run(ctx.flush())
                self.assertEqual(tokens(ctx, max_tokens=limit, auto_flush=False, stop=[END]), expected)
                self.assertEqual(sequence(ctx), sequence(context(prompt)) + expected)

    def test_a_step_that_nobody_waits_for_leaves_a_context_that_goes_on(self):
        expected = tokens(context("abc"), max_tokens=5)
        for flushed in (False, True):
            ctx = context("abc")
            if flushed:
                run(ctx.flush())

            async def abandon(ctx=ctx):
                step = await ctx.generate(Sampler.argmax(), auto_flush=False).__anext__()
                task = asyncio.create_task(step.execute())
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                task.cancel()

            length = len(sequence(ctx))
            run(abandon())
            self.assertEqual((ctx.seq_len, len(sequence(ctx.fork()))), (length, length))
            self.assertEqual(tokens(ctx, max_tokens=5, auto_flush=False, stop=[END]), expected, flushed)


class Constraints(Case):
    def test_constraints_restrict_every_token(self):
        generated = tokens(context("abc"), max_tokens=12, constrain=Letters("abc"))
        self.assertEqual(len(generated), 12)
        self.assertLessEqual(set(generated), {token_of(letter) for letter in "abc"})

    def test_constraints_that_allow_nothing_together_are_an_error_that_names_them(self):
        with self.refused("no token", "the grammar `ab`", "`Letters`"):
            tokens(context("abc"), constrain=[Regex("ab"), Letters("cd")])

    def test_a_mask_of_another_length_is_an_error_that_names_its_constraint(self):
        with self.refused("`logit_mask` covers 5 tokens, where others cover 64"):
            tokens(context("abc"), constrain=Regex("ab"), logit_mask=[2, 3])
        with self.refused("does not cover the vocabulary", "`logit_mask`"):
            tokens(context("abc"), logit_mask=[2, 3])

    def test_a_static_mask_holds_at_every_step(self):
        mask = brle.from_indices([token_of("q"), token_of("r")], VOCABULARY)
        generated = tokens(context("abc"), max_tokens=6, logit_mask=mask)
        self.assertLessEqual(set(generated), {token_of("q"), token_of("r")})

    def test_whatever_describes_texts_can_constrain(self):
        model = Model.load("default")

        class Own:
            def build_constraint(self, model):
                return GrammarConstraint.from_regex("ab", model)

        from inferlet import Ebnf, Grammar, Matcher

        grammar = Grammar.from_regex("ab")
        for schema in (Own(), Regex(pattern="ab"), grammar, Matcher(grammar, model.tokenizer()), Ebnf(source='start: "ab"')):
            generated = tokens(context("abc"), max_tokens=4, constrain=schema)
            self.assertLessEqual(set(generated), {token_of("a"), token_of("b")}, schema)
        with self.refused("`int` is no constraint"):
            tokens(context("abc"), constrain=3)
        with self.refused("open parenthesis"):
            context("abc").generate(Sampler.argmax()).constrain(Regex("("))

    def test_a_token_accepted_by_hand_takes_the_place_of_the_sampled_one(self):
        async def program(ctx, letters):
            g = ctx.generate(Sampler.argmax(), max_tokens=3, constrain=letters)
            async for step in g:
                out = await step.execute()
                self.assertEqual(len(out.tokens), 1)
                self.assertEqual(g.accept([token_of("g")]), [token_of("g")])
            return g.tokens_generated

        ctx, letters = context("abc"), Letters("abcdefg")
        self.assertEqual(run(program(ctx, letters)), 3)
        self.assertEqual(letters.told, [token_of("g")] * 2, "constraints hear of the replacement only")
        self.assertEqual(sequence(ctx)[-3:], [token_of("g")] * 3)

    def test_text_that_leaves_the_grammar_allows_nothing_and_comes_back(self):
        constraint = GrammarConstraint.from_regex("ab", Model.load("default"))
        inside = constraint.step([])
        self.assertFalse(brle.allows_any(constraint.step([token_of("z")])))
        self.assertIn("has left", constraint.describe())
        constraint.step([token_of("a")])
        constraint.roll_back(2)
        self.assertEqual(constraint.step([token_of("a")]), inside)
        fork = constraint.fork(Model.load("default"))
        self.assertEqual(fork.step([token_of("b")]), inside)
        with self.refused("only 1 were accepted"):
            constraint.roll_back(2)


class Forced(Case):
    def test_forced_tokens_take_no_pass_and_change_nothing(self):
        for text, limit, passes in [("aBC", 99, 3), ("abc", 99, 4), ("aBCDEf", 4, 1), ("aBCDEf", 99, 3)]:
            reference = context("abc")

            async def with_passes(reference=reference, text=text, limit=limit):
                g = reference.generate(Sampler.argmax(), max_tokens=limit, constrain=Spelled(text))
                # A step that reads something has its pass.
                entropy = g.probe_each_step(0, Entropy())
                generated = []
                async for step in g:
                    out = await step.execute()
                    self.assertEqual(out.entropy(entropy), 0.5)
                    generated += out.tokens
                return generated, g.stopped_by

            expected, stop = run(with_passes())
            ctx = context("abc")
            g = ctx.generate(Sampler.argmax(), max_tokens=limit, constrain=Spelled(text))
            start = Clock.now
            self.assertEqual((run(steps(g)), g.stopped_by), (expected, stop), text)
            self.assertLessEqual((Clock.now - start) // PASS, passes, text)
            self.assertEqual(sequence(ctx), sequence(reference), text)
            self.assertEqual(tokens(ctx, max_tokens=4), tokens(reference, max_tokens=4))

    def test_forced_tokens_need_something_to_stand_behind(self):
        with self.refused("call `cue`"):
            tokens(Context(Model.load("default")), auto_flush=False, constrain=Regex("a"))


class Steps(Case):
    def test_own_sampling_from_a_probe_gives_what_the_sampler_would_have_chosen(self):
        expected = tokens(context("abc"), max_tokens=6)

        async def program():
            g = context("abc").generate(Sampler.top_p(1.0, 0.5), max_tokens=6)
            entropy, chosen = g.probe_each_step(0, Entropy()), []
            async for step in g:
                probe = step.clear_sampler().probe(0, Distribution(temperature=1.0, k=0))
                out = await step.execute()
                self.assertEqual((out.tokens, out.auto_sampler, out.entropy(entropy)), ([], None, 0.5))
                chosen.append(out.distribution(probe)[0][0])
                g.accept(chosen[-1:])
            return chosen

        self.assertEqual(run(program()), expected)

    def test_a_step_without_sampler_needs_a_token_from_the_caller(self):
        async def program():
            async for step in context("abc").generate(Sampler.argmax()):
                await step.clear_sampler().execute()

        with self.refused("call `accept`"):
            run(program())

    def test_an_index_past_the_step_is_an_error(self):
        ctx = context("abc")

        async def program():
            async for step in ctx.generate(Sampler.argmax()):
                step.probe(1, Entropy())
                await step.execute()

        with self.refused("index 1 is past"):
            run(program())
        self.assertEqual(ctx.seq_len, 0)

    def test_a_step_that_is_not_executed_changes_nothing(self):
        async def program():
            g = context("abc").generate(Sampler.argmax(), max_tokens=3)
            await g.__anext__()
            return await g.collect_tokens()

        self.assertEqual(run(program()), tokens(context("abc"), max_tokens=3))

    def test_another_sampler_of_a_step_is_read_by_its_handle(self):
        async def program():
            async for step in context("abc").generate(Sampler.argmax(), max_tokens=1):
                handle = step.sample([0], Sampler.argmax())
                out = await step.execute()
                return out.token(handle), out.tokens, out.token(out.auto_sampler)

        other, accepted, auto = run(program())
        self.assertEqual([other], accepted)
        self.assertEqual(other, auto)


class Speculation(Case):
    def test_two_drafters_are_an_error(self):
        ctx = context("abc")
        with self.refused("exclude each other"):
            ctx.generate(Sampler.argmax(), system_speculation=True, speculator=Script(ctx, []))

    def test_drafts_at_wrong_positions_are_an_error(self):
        ctx = context("abc")
        script = Script(ctx, [[1, 2]])
        script.length += 1
        with self.refused("position"):
            tokens(ctx, speculator=script)
        with self.refused("2 drafts with 1 positions"):
            check_drafts([5, 6], [10], 10)

    def test_drafts_that_hold_save_passes(self):
        expected = tokens(context("abc"), max_tokens=9)
        ctx = context("abc")
        script = Script(ctx, [expected[:4], expected[5:8]])
        start = Clock.now
        self.assertEqual(tokens(ctx, max_tokens=9, speculator=script), expected)
        self.assertLess((Clock.now - start) // PASS, len(expected) / 3 + 1)

    def test_drafts_take_no_pages_while_pages_are_short(self):
        expected = tokens(context("abc"), max_tokens=12)

        def pages(dividend):
            ctx = context("abc")
            # What does not hold leaves its pages behind.
            script = Script(ctx, [[5] * 80] * 12)
            with mock.patch.object(pie_core_scheduling, "dividend", lambda model: dividend):
                self.assertEqual(tokens(ctx, max_tokens=12, speculator=script), expected)
            held = ctx._raw.committed_page_count() + ctx._raw.working_page_count()
            return held, -(-ctx.seq_len // ctx.page_size)

        held, needed = pages(1.0)
        self.assertEqual(held, needed)
        held, needed = pages(0.0)
        self.assertGreater(held, needed)

    def test_drafts_never_change_what_is_generated(self):
        draw = random.Random(3)
        for number in range(120):
            prompt = "".join(draw.choices("abcdefghijklmnopqrstuvw", k=draw.randint(1, 8)))
            sampler = Sampler.argmax() if number % 2 else Sampler.multinomial(0.7, draw.randrange(1, 4))
            limit = draw.randint(1, 20)
            reference, ctx = context(prompt), context(prompt)
            expected = tokens(reference, sampler=sampler, max_tokens=limit)
            guesses = [[draw.randrange(60) for _ in range(draw.randrange(4))] for _ in range(draw.randrange(12))]
            # A true beginning makes some drafts hold, past the stop and the limit too.
            script = Script(ctx, [[*expected[: draw.randrange(20)], END, 5], *guesses])
            self.assertEqual(tokens(ctx, sampler=sampler, max_tokens=limit, speculator=script), expected)
            self.assertEqual(sequence(ctx), sequence(reference), "the context holds exactly what was accepted")

    def test_the_engines_drafts_never_change_what_is_generated(self):
        draw = random.Random(4)
        for _ in range(60):
            prompt = "".join(draw.choices("abcdefghijklmnopqrstuvw", k=draw.randint(1, 8)))
            limit = draw.randint(1, 30)
            expected = tokens(context(prompt), max_tokens=limit)
            start = Clock.now
            self.assertEqual(tokens(context(prompt), max_tokens=limit, system_speculation=True), expected)
            if len(expected) > 6:
                self.assertLess((Clock.now - start) // PASS, len(expected))

    def test_constraints_hold_under_speculation(self):
        draw = random.Random(5)
        for _ in range(80):
            prompt, even, odd = (
                "".join(draw.choices("abcdefghijklmnopqrstuvw", k=draw.randint(1, 8))) for _ in range(3)
            )
            limit, seed = draw.randint(1, 16), draw.randrange(3)
            sampler = Sampler.multinomial(0.7, seed) if seed else Sampler.argmax()
            reference, ctx = context(prompt), context(prompt)
            expected = tokens(reference, sampler=sampler, max_tokens=limit, constrain=Letters(even, odd))
            guesses = [[draw.randrange(60) for _ in range(draw.randrange(4))] for _ in range(draw.randrange(12))]
            script = Script(ctx, [expected[: draw.randrange(16)], *guesses])
            constrain = Letters(even, odd)
            generated = tokens(ctx, sampler=sampler, max_tokens=limit, constrain=constrain, speculator=script)
            self.assertEqual(generated, expected)
            self.assertEqual(sequence(ctx), sequence(reference))

    def test_verification_ends_where_a_constraint_forbids(self):
        def only(token):
            return [token, 1, 9 - token]

        moved = []

        def advance(token):
            moved.append(token)
            return True, only(5)

        verified = verify([1, 2], [1, 2, 3], only(1), advance)
        self.assertEqual((verified.accepted, verified.held, verified.next_mask), (1, 2, only(5)))
        self.assertEqual(moved, [1])
        dead = verify([1, 2], [1, 2, 3], None, lambda token: (False, None))
        self.assertEqual((dead.accepted, dead.held, dead.moved, dead.next_mask), (1, 2, True, None))
        self.assertEqual(held_drafts([1, 2, 3], [1, 9, 3, 4]), 1)


class Bids(Case):
    def test_bids_follow_the_horizon_and_an_override_holds_for_one_step(self):
        ctx = context("abc")
        ctx.set_bid(2.5)
        tokens(ctx, max_tokens=3, horizon=16)
        bids = ctx._raw.state.bids
        self.assertEqual((len(bids), bids[0]), (3, 2.5))
        self.assertTrue(bids[1] > 0 and bids[2] > 0)
        silent = context("abc")
        tokens(silent, max_tokens=3)
        self.assertEqual(silent._raw.state.bids, [], "nobody asked for bids")


class Json(Case):
    def test_json_is_collected_and_parsed(self):
        for schema in (None, "{}", {"type": "array"}, AnyJson(), JsonSchema(schema="{}")):
            value = run(context("abc").generate(Sampler.argmax(), max_tokens=9).collect_json(schema=schema))
            self.assertEqual(value, [], schema)
        self.assertEqual(run(context("a").generate(Sampler.argmax()).collect_json(parse=len)), 2)
        self.assertEqual(run(context("a").generate(Sampler.argmax()).collect_json(schema=set[int])), set())

    def test_a_value_of_a_type_that_does_not_fit_is_an_error(self):
        @dataclass
        class Point:
            x: int

        with self.refused("`[]` is not an object"):
            run(context("abc").generate(Sampler.argmax()).collect_json(schema=Point))

    def test_json_that_the_limit_cut_is_an_error_that_says_so(self):
        with self.refused("the limit of 1 tokens cut the JSON short: ["):
            run(context("abc").generate(Sampler.argmax(), max_tokens=1).collect_json())


class Progresses(Case):
    def test_batches_do_not_matter(self):
        draw = random.Random(6)
        for _ in range(300):
            batch = [draw.randrange(6) for _ in range(draw.randrange(20))]
            cut, limit = draw.randrange(20), draw.choice([None, *range(12)])

            def outcome(batches, limit=limit):
                progress = Progress([5])
                progress.max_tokens = limit
                for each in batches:
                    progress.accept(each)
                return progress.accepted, progress.stopped_by, progress.is_done

            self.assertEqual(outcome([batch]), outcome([batch[:cut], batch[cut:]]))

    def test_at_the_limit_a_stop_token_makes_no_difference(self):
        progress = Progress([9])
        progress.max_tokens = 2
        self.assertEqual(progress.accept([1, 2, 9]), 2)
        self.assertEqual((progress.is_done, progress.stopped_by), (True, None))
        checkpoint = Progress([9]).checkpoint()
        progress.restore(checkpoint)
        self.assertEqual((progress.accepted, progress.is_done), (0, False))
