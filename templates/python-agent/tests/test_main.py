import unittest

from . import run
from main import called, weather  # isort: skip
from inferlet import Tools


class Functions(unittest.TestCase):
    def test_the_weather_of_a_known_city_is_told(self) -> None:
        self.assertEqual(weather("Oslo"), {"city": "Oslo", "celsius": 4})

    def test_a_mistake_is_told_to_the_model(self) -> None:
        answer = run(called(Tools([weather]), "weather", '{"city": "Atlantis"}'))
        self.assertEqual(answer, {"error": "no weather is known for `Atlantis`"})
