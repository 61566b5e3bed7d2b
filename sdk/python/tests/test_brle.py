import doctest
import random

from inferlet import brle

from .support import Case


def bits(mask):
    return [run % 2 == 1 for run, length in enumerate(mask) for _ in range(length)]


class Masks(Case):
    def test_the_examples_of_the_documentation_hold(self):
        self.assertEqual(doctest.testmod(brle).failed, 0)
        self.assertGreater(doctest.testmod(brle).attempted, 4)

    def test_ranges_may_overlap_and_come_in_any_order(self):
        self.assertEqual(brle.from_ranges([(4, 9), (0, 2), (1, 3)], 8), [0, 3, 1, 4])
        self.assertEqual(brle.from_ranges([range(2, 4), range(3, 4)], 8), [2, 2, 4])
        self.assertEqual(brle.from_ranges([], 3), [3])
        self.assertEqual(brle.from_ranges([(0, 9), (0, 1)], 3), [0, 3])
        self.assertEqual(brle.from_ranges([], 0), [])

    def test_a_mask_with_empty_runs_reads_like_the_normal_one(self):
        self.assertTrue(brle.allows([0, 0, 2, 1], 2))
        self.assertFalse(brle.allows([0, 0, 2, 1], 1))
        self.assertFalse(brle.allows_any([5, 0, 3]))
        self.assertEqual(brle.and_([0, 0, 2, 1], [0, 3]), [2, 1])
        self.assertEqual(brle.only([1, 0, 2, 1, 3, 0]), 3)

    def test_from_ranges_is_true_exactly_inside_the_ranges_and_normal(self):
        draw = random.Random(1)
        for _ in range(300):
            ranges = [(draw.randrange(40), draw.randrange(40)) for _ in range(draw.randrange(6))]
            length = draw.randrange(40)
            mask = brle.from_ranges(ranges, length)
            self.assertEqual(bits(mask), [any(a <= i < b for a, b in ranges) for i in range(length)])
            self.assertTrue(all(mask[1:]), mask)

    def test_functions_on_masks_agree_with_their_bits(self):
        draw = random.Random(2)
        for _ in range(300):
            a, b = ([draw.randrange(6) for _ in range(draw.randrange(8))] for _ in range(2))
            both = brle.and_(a, b)
            x, y = bits(a), bits(b)
            length = max(len(x), len(y))
            wide = [(list_ + [False] * length)[:length] for list_ in (x, y)]
            self.assertEqual(bits(both), [p and q for p, q in zip(*wide)])
            self.assertTrue(all(both[1:]), both)
            self.assertEqual([brle.allows(a, i) for i in range(length + 2)], (x + [False] * (length + 2))[: length + 2])
            self.assertEqual((brle.allows_any(a), brle.length(a)), (True in x, len(x)))
            self.assertEqual(brle.only(a), x.index(True) if x.count(True) == 1 else None)
