import enum
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, Optional, TypedDict, Union

from inferlet import jsons

from .support import Case


class Unit(enum.Enum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


@dataclass
class Point:
    x: int
    y: float = 0.0
    tags: list[str] = field(default_factory=list)


class Named(TypedDict):
    name: str


class Pair(NamedTuple):
    left: int
    right: str = "r"


class ModelV2:
    """What can be seen of a model of pydantic 2."""

    def __init__(self, n):
        self.n = n

    def model_dump(self, mode):
        return {"n": self.n}

    @classmethod
    def model_validate(cls, value):
        if not isinstance(value.get("n"), int):
            raise ValueError("1 validation error\nn\n  Input should be a valid integer")
        return cls(value["n"])

    @classmethod
    def model_json_schema(cls):
        return {
            "title": "ModelV2",
            "type": "object",
            "properties": {"n": {"title": "N", "type": "integer"}, "u": {"$ref": "#/$defs/Unit"}},
            "$defs": {"Unit": {"title": "Unit", "enum": ["celsius"], "type": "string"}},
        }


class ModelV1:
    """What can be seen of a model of pydantic 1."""

    def __init__(self, n):
        self.n = n

    def json(self):
        return '{"n": 3}'

    @classmethod
    def parse_obj(cls, value):
        return cls(value["n"])

    @classmethod
    def schema(cls):
        return {"title": "ModelV1", "type": "object", "properties": {"title": {"title": "Title", "type": "string"}}}


class Writing(Case):
    def test_values_of_all_kinds_become_json(self):
        for value, text in [
            (None, "null"),
            ("é", '"é"'),
            ({"a": [1, 2.0, True, None]}, '{"a":[1,2.0,true,null]}'),
            ((1, "b"), '[1,"b"]'),
            (Point(1), '{"x":1,"y":0.0,"tags":[]}'),
            ([Pair(1)], '[[1,"r"]]'),
            ({Unit.KELVIN: Unit.CELSIUS, 3: 4}, '{"kelvin":"celsius","3":4}'),
            (ModelV2(1), '{"n":1}'),
            ([ModelV1(1)], '[{"n":3}]'),
        ]:
            self.assertEqual(jsons.dumps(value), text)

    def test_what_cannot_be_written_is_named_with_its_place(self):
        with self.refused("`answer.scores[1]`: a `set` cannot be written as JSON"):
            jsons.dumps({"answer": {"scores": [1, {2}]}})
        with self.refused("the number nan"):
            jsons.dumps(float("nan"))
        with self.refused("a `bytes`"):
            jsons.dumps(b"x")
        with self.refused("the key `(1, 2)`"):
            jsons.dumps({(1, 2): 3})

        async def forgotten():
            pass

        with self.refused("is an `await` missing?"):
            jsons.dumps([forgotten()])


class Schemas(Case):
    def test_types_become_schemas_without_references(self):
        for kind, schema in [
            (str, {"type": "string"}),
            (Any, {}),
            (list[int], {"type": "array", "items": {"type": "integer"}}),
            (list, {"type": "array"}),
            (dict[str, float], {"type": "object", "additionalProperties": {"type": "number"}}),
            (Optional[str], {"type": ["string", "null"]}),
            (Union[int, list[int]], {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}),
            (Literal["a", "b"], {"type": "string", "enum": ["a", "b"]}),
            (Unit, {"type": "string", "enum": ["celsius", "kelvin"]}),
            (Annotated[int, "how many"], {"type": "integer", "description": "how many"}),
            (set[str], {"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
        ]:
            self.assertEqual(jsons.schema_of(kind), schema, kind)
        point = jsons.schema_of(Point)
        self.assertEqual((point["required"], point["additionalProperties"]), (["x"], False))
        self.assertEqual(jsons.schema_of(Named)["required"], ["name"])
        self.assertEqual(jsons.schema_of(Pair)["required"], ["left"])
        self.assertEqual(jsons.schema_of(tuple[int, str])["maxItems"], 2)
        with self.refused("cannot be described"):
            jsons.schema_of(object)

    def test_schemas_of_pydantic_lose_references_and_titles_but_not_a_field_called_title(self):
        self.assertEqual(
            jsons.schema_of(ModelV2),
            {
                "type": "object",
                "properties": {"n": {"type": "integer"}, "u": {"enum": ["celsius"], "type": "string"}},
            },
        )
        self.assertEqual(
            jsons.schema_of(ModelV1), {"type": "object", "properties": {"title": {"type": "string"}}}
        )


class Reading(Case):
    def test_values_are_read_as_their_types_say(self):
        for value, kind, expected in [
            ({"x": 1, "tags": ["a"]}, Point, Point(1, 0.0, ["a"])),
            ([1, 2], set[int], {1, 2}),
            ([1, "b"], tuple[int, str], (1, "b")),
            (3, float, 3.0),
            (None, Optional[int], None),
            ("b", Union[int, str], "b"),
            ("kelvin", Unit, Unit.KELVIN),
            ({"left": 1}, Pair, Pair(1)),
            ({"name": "n"}, Named, {"name": "n"}),
            ({"a": [1]}, dict[str, list[int]], {"a": [1]}),
            ([{"any": 1}], list, [{"any": 1}]),
        ]:
            self.assertEqual(jsons.from_json(value, kind), expected)
        self.assertEqual(jsons.from_json({"n": 4}, ModelV2).n, 4)
        self.assertEqual(jsons.from_json([{"n": 4}], list[ModelV1])[0].n, 4)

    def test_what_does_not_fit_is_named_with_its_place_and_what_was_expected(self):
        for value, kind, message in [
            ({"x": "1"}, Point, "`x`: `1` is not an integer"),
            ({"x": 1, "tags": ["a", 2]}, Point, "`tags[1]`: `2` is not a string"),
            ({}, Point, "missing field `x`"),
            ({"x": 1, "z": 2}, Point, "unknown field `z`, expected `x` or `y` or `tags`"),
            (True, int, "`true` is not an integer"),
            ("a", Optional[int], "`a` is not an integer"),
            ([], Union[int, str], "`[]` is not int or str"),
            ("mile", Unit, "unknown value `mile`, expected `celsius` or `kelvin`"),
            ([1], tuple[int, str], "is not an array of 2"),
            (3, list[int], "`3` is not an array"),
            ({"n": "x"}, ModelV2, "not a `ModelV2`: n; Input should be a valid integer"),
        ]:
            with self.refused(message):
                jsons.from_json(value, kind)
