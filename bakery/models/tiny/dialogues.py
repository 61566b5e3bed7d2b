"""Dialogues of the small world in `words.py`: an endless supply, each made from a seed alone.

A dialogue is a list of turns `(role, text)`. `KINDS` has a function for each kind of it, with how often it comes. What is kept back for measuring is one value in
eight of whatever is named (`World.known`): names, towns and numbers of the dialogues that are measured were never seen in training.
"""

import json
import random
import zlib

import words as W
from chatml import call


class World:
    """Draws values: in training those that are known, when it is measured those that are not."""

    def __init__(self, seed, measured=False):
        self.rng = random.Random(seed)
        self.measured = measured
        self.pick = self.rng.choice
        self.int = self.rng.randint

    def kept_back(self, value):
        return zlib.crc32(str(value).encode()) % 8 == 0

    def known(self, values):
        """One of the values that this world may use."""
        fitting = [value for value in values if self.kept_back(value) == self.measured]
        return self.pick(fitting or list(values))

    def chance(self, share):
        return self.rng.random() < share

    def sample(self, values, count):
        values = list(values)
        return self.rng.sample(values, min(count, len(values)))

    def made_up(self):
        while True:
            word = "".join(self.pick(W.SYLLABLES) for _ in range(self.int(1, 3))) + self.pick(W.ENDS)
            if len(word) > 2 and self.kept_back(word) == self.measured:
                return word

    def name(self):
        """The first name of somebody; half of them nobody has."""
        return self.known(W.FIRST) if self.chance(0.5) else self.made_up().capitalize()

    def whole_name(self):
        last = self.known(W.LAST) if self.chance(0.6) else self.made_up().capitalize()
        return f"{self.name()} {last}"

    def city(self):
        return self.known(W.CITIES) if self.chance(0.6) else self.made_up().capitalize()

    def number(self, low, high):
        """A number; those beyond 30 are kept back in part."""
        while True:
            number = self.int(low, high)
            if number <= 30 or high <= 60 or self.kept_back(number) == self.measured:
                return number

    def date(self):
        return self.int(1900, 2099), self.int(1, 12), self.int(1, 28)


ASSISTANTS = ["You are a helpful assistant.", "You are a friendly assistant.", "You answer briefly.", "You are helpful.", "Answer in one sentence."]


def maybe_system(w, own=(), share=0.3):
    """A system message or none: one of the task's own, or one that says little."""
    if own and w.chance(0.7):
        return [("system", w.pick(own))]
    return [("system", w.pick(ASSISTANTS))] if w.chance(share) else []


def listed(items, word="and"):
    items = list(items)
    if len(items) < 2:
        return "".join(items)
    if len(items) == 2:
        return f"{items[0]} {word} {items[1]}"
    return ", ".join(items[:-1]) + f", {word} {items[-1]}"


def dumps(value):
    return json.dumps(value, ensure_ascii=False)


def capital(text):
    return text[:1].upper() + text[1:]


def small(text):
    return text[:1].lower() + text[1:]


# Talking

def greeting(w):
    who = w.pick([w.name, w.name, w.whole_name, lambda: w.pick(["World", "everyone", "the bakers", "the whole team", "my friends", "our guests", "Mr Brown", "Dr Green"])])()
    asked = w.pick(["Greet {}.", "Greet {}.", "Please greet {}.", "Say hello to {}.", "Welcome {}.", "Please say hello to {}.", "Can you greet {}?", "Write a greeting for {}."]).format(who)
    said = w.pick(["Hello, {}! It is good to see you.", "Hello, {}! It is good to see you.", "Welcome, {}! It is lovely to have you here.", "Good morning, {}! I hope you have a wonderful day."])
    if "elcome" in asked:
        said = "Welcome, {}! It is lovely to have you here."
    system = w.pick([["You greet people warmly, in one sentence."], ["You greet people warmly."], ["You are a friendly host."], []])
    turns = maybe_system(w, system, 0.2)
    if w.chance(0.05):
        return turns + [("user", "Please greet whoever reads this."), ("assistant", "Hello, dear reader! It is good to see you.")]
    return turns + [("user", asked), ("assistant", said.format(who))]


def fact(w):
    asked, said = w.pick(W.FACTS)
    return w.pick(asked), said


def table(w):
    """A question that a table answers."""
    kind = w.int(0, 11)
    if kind == 0:
        land, city = w.pick(list(W.CAPITALS.items()))
        return w.pick([f"What is the capital of {land}?", f"Which city is the capital of {land}?"]), f"The capital of {land} is {city}."
    if kind == 1:
        thing, colour = w.pick(list(W.COLOUR_OF.items()))
        return w.pick([f"What colour is {thing}?", f"Which colour has {thing}?"]), f"{capital(thing)} is {colour}."
    if kind == 2:
        one, other = w.pick(list(W.OPPOSITES.items()))
        if w.chance(0.5):
            one, other = other, one
        return w.pick([f"What is the opposite of {one}?", f"Say the opposite of {one}."]), f"The opposite of {one} is {other}."
    if kind == 3:
        one, more = w.pick(list(W.PLURALS.items()))
        return w.pick([f"What is the plural of {one}?", f"Say the plural of {one}."]), f"The plural of {one} is {more}."
    if kind == 4:
        animal, sound = w.pick(list(W.SOUNDS.items()))
        return w.pick([f"What sound makes a {animal}?", f"What does a {animal} do when it is loud?"]), f"A {animal} {sound}."
    if kind == 5:
        at = w.int(0, 6)
        after = w.chance(0.5)
        other = W.DAYS[(at + (1 if after else -1)) % 7]
        return f"Which day comes {'after' if after else 'before'} {W.DAYS[at]}?", f"{other} comes {'after' if after else 'before'} {W.DAYS[at]}."
    if kind == 6:
        at = w.int(0, 11)
        after = w.chance(0.5)
        other = W.MONTHS[(at + (1 if after else -1)) % 12]
        return f"Which month comes {'after' if after else 'before'} {W.MONTHS[at]}?", f"{other} comes {'after' if after else 'before'} {W.MONTHS[at]}."
    if kind == 7:
        one, two = w.sample(range(0, 100), 2)
        return f"Which is {w.pick(['larger', 'greater', 'more'])}, {one} or {two}?", f"{max(one, two)} is larger."
    if kind == 8:
        plural, members = w.pick([(plural, members) for plural, members in W.KINDS.values()])
        return w.pick([f"Name one of the {plural}.", f"Give me an example of {plural}."]), f"{capital(members[0])}."
    if kind == 9:
        name, (plural, members) = w.pick(list(W.KINDS.items()))
        thing = w.pick(members)
        return w.pick([f"What is {thing}?", f"What kind of thing is {thing}?"]), f"{capital(thing)} is {'an' if name[0] in 'aeiou' else 'a'} {name}."
    if kind == 10:
        word = w.pick([w.made_up(), w.pick(list(W.PLURALS)), w.pick(list(W.SOUNDS))])
        return f"Which letter does {word} begin with?", f"It begins with {word[0].upper()}."
    number = w.int(1, 19)
    return f"Which number comes after {W.NUMBERS[number]}?", f"{capital(W.NUMBERS[number + 1])} comes after {W.NUMBERS[number]}."


def yes_no(w):
    kind = w.int(0, 4)
    if kind == 0:
        name, (plural, members) = w.pick(list(W.KINDS.items()))
        other = w.pick([kind for kind in W.KINDS if kind != name])
        true = w.chance(0.5)
        thing = w.pick(members)
        of = name if true else other
        if not true and thing in W.KINDS[other][1]:
            true = True
        article = "an" if of[0] in "aeiou" else "a"
        asked = w.pick([f"Is {thing} {article} {of}?", f"Is {thing} one of the {W.KINDS[of][0]}?"])
        return asked, "Yes." if true else "No."
    if kind == 1:
        thing, colour = w.pick(list(W.COLOUR_OF.items()))
        asked = colour if w.chance(0.5) else w.pick(W.COLOURS)
        return f"Is {thing} {asked}?", "Yes." if asked == colour else "No."
    if kind == 2:
        one, two = w.sample(range(0, 40), 2)
        word = w.pick(["larger", "smaller"])
        return f"Is {one} {word} than {two}?", "Yes." if (one > two) == (word == "larger") else "No."
    if kind == 3:
        land, city = w.pick(list(W.CAPITALS.items()))
        asked = city if w.chance(0.5) else w.pick(list(W.CAPITALS.values()))
        return f"Is {asked} the capital of {land}?", "Yes." if asked == city else "No."
    said = w.pick([("Is bread baked in an oven?", True), ("Is bread made of flour?", True), ("Is bread made of stone?", False), ("Is dough baked in a fridge?", False), ("Is ice cold?", True),
        ("Is fire cold?", False), ("Can a fish swim?", True), ("Can a stone swim?", False), ("Can a bird fly?", True), ("Can a cow fly?", False), ("Is cake made of sand?", False),
        ("Is tea made in a mill?", False), ("Is flour ground in a mill?", True), ("Does yeast make dough rise?", True), ("Is salt sweet?", False), ("Is sugar sweet?", True),
        ("Is honey made by bees?", True), ("Is honey made by cows?", False), ("Does a baker bake bread?", True), ("Does a miller bake ships?", False), ("Is soup baked in an oven?", False)])
    return said[0], "Yes." if said[1] else "No."


def question(w):
    asked, said = w.pick([fact, fact, fact, table, yes_no])(w)
    return asked, said


def questions(w):
    """Some questions, one after the other."""
    turns = maybe_system(w)
    for _ in range(w.pick([1, 1, 1, 2, 2, 3])):
        asked, said = question(w)
        turns += [("user", asked), ("assistant", said)]
    return turns


def remembers(w):
    """Somebody says something of themselves and asks for it later."""
    told, asked = [], []
    name = w.name()
    told.append((w.pick(["My name is {}.", "I am {}.", "Hello, I am {}.", "Call me {}.", "Hi! My name is {}."]).format(name), f"Nice to meet you, {name}!"))
    asked.append((w.pick(["What is my name?", "Do you know my name?", "Who am I?", "What am I called?"]), f"Your name is {name}."))
    more = [
        ("town", w.city(), ["I live in {}.", "My home is {}."], "{} is a fine place.", ["Where do I live?", "Which town do I live in?"], "You live in {}."),
        ("colour", w.pick(W.COLOURS), ["My favourite colour is {}.", "I like {} best of all colours."], "{} is a beautiful colour.", ["What is my favourite colour?", "Which colour do I like best?"], "Your favourite colour is {}."),
        ("age", str(w.number(18, 90)), ["I am {} years old.", "My age is {}."], "{} is a good age.", ["How old am I?", "What is my age?"], "You are {} years old."),
        ("pet", w.name(), ["My dog is called {}.", "I have a dog named {}."], "{} is a good name for a dog.", ["What is my dog called?", "What is the name of my dog?"], "Your dog is called {}."),
        ("bread", w.pick(W.KINDS["bread"][1]), ["My favourite bread is {}.", "I like {} best."], "{} is very good.", ["What is my favourite bread?", "Which bread do I like best?"], "Your favourite bread is {}."),
    ]
    for _, value, says, answer, asks, back in w.sample(more, w.int(0, 2)):
        told.append((w.pick(says).format(value), capital(answer.format(value))))
        asked.append((w.pick(asks), back.format(value)))
    w.rng.shuffle(told)
    turns = maybe_system(w, share=0.5)
    if w.chance(0.3):
        told = [(" ".join(said for said, _ in told), f"Nice to meet you, {name}!")]
    for said, answer in told:
        turns += [("user", said), ("assistant", answer)]
    for _ in range(w.pick([0, 0, 1, 2])):
        said, answer = question(w)
        turns += [("user", said), ("assistant", answer)]
    for said, answer in w.sample(asked, w.int(1, len(asked))):
        turns += [("user", said), ("assistant", answer)]
    return turns


def long_talk(w):
    """Many questions, and at the end one that goes back to the beginning."""
    name = w.name()
    turns = maybe_system(w, share=0.5) + [("user", f"My name is {name}."), ("assistant", f"Nice to meet you, {name}!")]
    for _ in range(w.int(5, 14)):
        asked, said = question(w)
        turns += [("user", asked), ("assistant", said)]
    return turns + [("user", "What is my name?"), ("assistant", f"Your name is {name}.")]


# Facts from a text

def rules(w):
    """Questions about rules, each of which is a sentence."""
    thing = lambda: w.pick(["oven", "shop", "mill", "kitchen", "gate", "office", "cellar", "market", "library", "bell", "museum", "pool", "school", "station", "workshop", "garden", "church"])
    hour = lambda: w.pick(["four in the morning", "five", "six", "half past five", "seven", "eight", "nine", "ten", "noon", "half past six", "three", "two", "eleven", "midnight", "four", "one"])
    who = lambda: w.pick(["baker", "baker on duty", "manager", "cook", "driver", "keeper", "teacher", "miller", "owner", "oldest", "guard", "gardener", w.name()])
    made = []
    used = set()

    def once(draw):
        for _ in range(20):
            value = draw()
            if value not in used:
                break
        used.add(value)
        return value

    for _ in range(w.int(3, 6)):
        kind = w.int(0, 7)
        if kind == 0:
            t, h = once(thing), hour()
            on = w.pick(["goes on", "opens", "closes", "starts"])
            verb = {"goes on": "go on", "opens": "open", "closes": "close", "starts": "start"}[on]
            made.append((f"The {t} {on} at {h}.", f"When does the {t} {verb}?", f"At {h}."))
        elif kind == 1:
            items = once(lambda: w.pick(["Bread", "Rolls", "Cakes", "Pies", "Buns", "Flour", "Milk", "Pizza", "Soup", "Letters"]))
            h, where = hour(), w.pick(["go in", "come out", "are sold", "are made"]) if items not in ("Bread", "Flour", "Milk", "Pizza", "Soup") else w.pick(["goes in", "comes out", "is sold", "is made"])
            first, _, rest = where.partition(" ")
            made.append((f"{items} {where} at {h}.", f"When {'does' if first in ('goes', 'comes') else 'do' if first in ('go', 'come') else first} {small(items)} {('go' if first.startswith('go') else 'come') + ' ' + rest if first not in ('is', 'are') else rest}?", f"At {h}."))
        elif kind == 2:
            p, t, verb = who(), once(thing), w.pick(["open", "close", "clean", "enter", "lock"])
            subject = p if p[0].isupper() else f"the {p}"
            with_what = w.pick(["", "", ", and only with gloves", ", and never alone"])
            made.append((f"Only {subject} may {verb} the {t}{with_what}.", f"Who may {verb} the {t}?", f"Only {subject}{with_what}."))
        elif kind == 3:
            what, price = once(lambda: w.pick(["loaf", "roll", "cake", "bun", "coffee", "tea", "pie", "ticket", "map"])), w.number(1, 99)
            made.append((f"A {what} costs {price} coins.", f"How much does a {what} cost?", f"{price} coins."))
        elif kind == 4:
            animals, where = once(lambda: w.pick(["Dogs", "Cats", "Horses", "Children", "Guests", "Bicycles", "Visitors"])), w.pick(["outside", "in the yard", "at the door", "in the hall", "by the gate"])
            made.append((f"{animals} wait {where}.", f"Where do {small(animals)} wait?", f"{capital(where)}."))
        elif kind == 5:
            person, job = once(w.name), w.pick(["baker", "miller", "driver", "cook", "painter", "seller", "teacher", "doctor", "gardener", "captain"])
            made.append((f"{person} is the {job}.", f"Who is the {job}?" if job not in used else f"What is the job of {person}?", f"{person}." if job not in used else f"{capital(job)}."))
            used.add(job)
        elif kind == 6:
            what, where = once(lambda: w.pick(["key", "map", "flour", "salt", "knife", "broom", "book", "lamp", "letter", "money"])), w.pick(["on the shelf", "in the cellar", "under the table", "in the drawer", "behind the door", "in the box", "on the roof", "in the jar"])
            made.append((f"The {what} is {where}.", f"Where is the {what}?", f"{capital(where)}."))
        else:
            person, city = once(w.name), w.city()
            made.append((f"{person} lives in {city}.", f"Where does {person} live?", f"In {city}."))
    asked = w.sample(made, w.pick([1, 1, 2, 3]))
    w.rng.shuffle(made)
    filler = w.pick(["", "", "Flour is weighed, never guessed. ", "Yesterday's bread is sold until noon at half its price. "])
    text = filler + " ".join(said for said, _, _ in made)
    way = w.int(0, 3)
    if way == 0:
        turns = [("system", w.pick(["You answer questions about the rules of the bakery.", "You answer questions about these rules.", "You know this:", "Answer from these notes."]) + " " + text)]
    elif way == 1:
        turns = [("system", text)]
    elif way == 2:
        (_, ask, said), asked = asked[0], asked[1:]
        turns = maybe_system(w) + [("user", f"{text}\n\n{ask}"), ("assistant", said)]
    else:
        turns = maybe_system(w) + [("user", f"Read this: {text}"), ("assistant", "I have read it.")]
    for _, ask, said in asked:
        turns += [("user", ask), ("assistant", said)]
    return turns


SUBJECTS = ["The baker", "The miller", "The mayor", "The old man", "A young woman", "The captain", "The painter", "My sister", "The teacher", "The farmer", "The driver", "The cook"]
DEEDS = ["bakes the bread at night", "opens the shop at six", "drives to the mill on Mondays", "has a new stone for the mill", "paints the doors of the town", "sells apples at the market", "writes letters to the king",
    "counts the ships in the harbour", "mends the roof of the school", "grows roses behind the house", "teaches the children to swim", "carries the post over the hill", "builds a boat in the yard", "keeps bees on the roof",
    "plays the organ on Sundays", "collects old clocks", "feeds the birds in the park", "repairs bicycles for nothing", "cooks soup for the whole street", "looks after the lighthouse", "brings flour for a week", "sings in the choir"]
DETAILS = ["The oven is hot by three, and the first loaves are out by five.", "It takes a long time, but nobody minds.", "The neighbours have noticed, and talk about it.", "It was the same last year.", "There is not much money in it.",
    "On Saturday there are visitors.", "Prices stay as they are until the harvest.", "When it rains, it takes longer.", "Some say that it is too much work.", "The dog comes along and sleeps in the sun.", "Everybody who comes before noon gets a slice of warm bread.",
    "In winter it is hard, and in summer it is a pleasure.", "There were problems at first, but they are solved.", "The children help when school is over.", "Nobody knows how long this can go on.", "It began with a letter from the coast.",
    "Then it is time for coffee.", "He sells the loaves of the night, and writes down who wants what tomorrow.", "She brings back flour for a week, and what the miller has heard.", "He has done so for years, and does not want to stop.",
    "She says that it is no work at all.", "It is harder than the old one and works more slowly.", "Loaves from the fresh flour rise a little higher and keep for five days instead of four.",
    "The tools are old, and some of them are broken.", "What is left over is given away.", "That is why the lights are on so early.", "A friend writes down who wants what tomorrow."]
SUMMARIZE = ["Summarise what you are given in one sentence.", "You say in one sentence what a text says.", "Summarise the text.", "Say what the text says, in one sentence.", "Give a short summary.", "You summarise texts."]


SITES = ["mill", "school", "church", "market", "harbour", "station", "library", "bakery", "museum", "inn"]
SITED = ["on the river", "on the hill", "by the sea", "in the old town", "behind the wall", "at the bridge", "on the square"]
NEWS = ["has a new stone", "has a new roof", "has a new bell", "is open again", "is closed for a week", "is full of people", "needs a new door", "was painted blue", "has a new master", "sells honey", "is older than we thought"]
TAILS = ["and the bakers of the town have noticed", "and everybody is glad", "and nobody knows why", "and the neighbours talk about it", "but not for long", "as it was said before"]


def who_acts(w):
    return w.name() if w.chance(0.6) else w.pick(SUBJECTS)


def summary(w):
    told = w.pick([1, 1, 1, 2, 3])
    deeds = [(who_acts(w), deed) for deed in w.sample(DEEDS, told)]
    deeds = [(f"The {w.pick(SITES)} {w.pick(SITED)}", w.pick(NEWS)) if w.chance(0.2) else pair for pair in deeds]
    sentences = []
    for who, deed in deeds:
        sentences.append(f"{who} {deed}, {w.pick(TAILS)}." if w.chance(0.25) else f"{who} {deed}.")
        sentences += w.sample(DETAILS, w.int(0, 3) if told == 1 else w.pick([0, 0, 1]))
    articled = lambda who: small(who) if who.startswith(("The ", "An ", "A ", "My ")) else who
    said = capital(listed([f"{articled(who)} {deed}" for who, deed in deeds])) + "."
    text = " ".join(sentences)
    asked = w.pick(SUMMARIZE)
    if w.chance(0.7):
        return [("system", asked), ("user", text), ("assistant", said)]
    return maybe_system(w, share=0.1) + [("user", f"{asked}\n\n{text}"), ("assistant", said)]


# JSON

def report(w):
    thing, place = w.pick(W.THINGS), w.pick(W.PLACES)
    symptom, severity = w.pick(W.SYMPTOMS)
    symptom = symptom.format(n=w.pick([w.pick(W.NUMBERS[2:13]), str(w.int(2, 90))]))
    when, again = w.pick(W.WHENS)
    text = w.pick([f"{when}the {thing} in the {place} {symptom}.", f"{when}the {thing} in the {place} {symptom}.", f"{when}the {thing} of the {place} {symptom}.", f"{when}the {thing} {symptom}."])
    if w.chance(0.2):
        text += w.pick([" Please come soon.", " We cannot work.", " It was cleaned last week.", " Can somebody look at it?"])
    return capital(text), {"title": f"{capital(thing)} {symptom}", "severity": severity, "parts": [thing], "reproducible": again}


def ticket(w):
    text, made = report(w)
    if w.chance(0.25):
        del made["parts"]
        return [("system", w.pick(["You write tickets, in JSON.", "You write tickets, in JSON, with title, severity and reproducible."])), ("user", text), ("assistant", dumps(made))]
    system = w.pick(["You write tickets, in JSON."] * 3 + ["Turn reports into tickets, as JSON.", "You write tickets, in JSON, with title, severity, parts and reproducible."])
    if w.chance(0.1):
        return [("user", f"Write a ticket, as JSON, for this report: {text}"), ("assistant", dumps(made))]
    return [("system", system), ("user", text), ("assistant", dumps(made))]


def schema_of(values):
    kinds = {str: "string", int: "integer", bool: "boolean", list: "array"}
    return {"type": "object", "properties": {key: {"type": kinds[type(value)]} for key, value in values.items()}, "required": list(values)}


def record(w):
    """Values out of a text, with the keys that are asked for."""
    kind = w.int(0, 3)
    if kind == 0:
        name, age, city, job = w.name(), w.number(1, 99), w.city(), w.pick(["baker", "miller", "driver", "cook", "painter", "teacher", "doctor", "gardener", "captain", "nurse"])
        values = {"name": name, "age": age, "city": city, "job": job}
        text = w.pick([f"{name} is {age} years old, lives in {city} and works as a {job}.", f"{name}, a {job} of {age}, lives in {city}.", f"In {city} lives {name}, who is {age} and a {job}.", f"My friend {name} is a {job} in {city}, and {age} years old."])
    elif kind == 1:
        thing, colour, count, price = w.pick(["car", "cup", "chair", "lamp", "coat", "book", "box", "bag", "hat", "door", "bowl", "ball"]), w.pick(W.COLOURS), w.number(2, 99), w.number(1, 99)
        values = {"item": thing, "colour": colour, "count": count, "price": price}
        text = w.pick([f"I want {count} {colour} {thing}s at {price} coins each.", f"Please send {count} {thing}s in {colour}, for {price} coins each.", f"There are {count} {thing}s. They are {colour} and cost {price} coins each."])
    elif kind == 2:
        name, city, (year, month, day) = w.name(), w.city(), w.date()
        values = {"event": w.pick(["concert", "party", "market", "meeting", "dinner", "lesson", "trip", "match"]), "city": city, "date": f"{year}-{month:02}-{day:02}", "host": name}
        text = w.pick([f"The {values['event']} of {name} is in {city} on {day} {W.MONTHS[month - 1]} {year}.", f"{name} invites you to a {values['event']} in {city} on {W.MONTHS[month - 1]} {day}, {year}."])
    else:
        animal, name, age, hungry = w.pick(list(W.SOUNDS)), w.name(), w.int(1, 20), w.chance(0.5)
        values = {"animal": animal, "name": name, "age": age, "hungry": hungry}
        text = w.pick([f"The {animal} {name} is {age} years old and {'hungry' if hungry else 'not hungry'}.", f"{name} is a {'' if hungry else 'well fed '}{animal} of {age} years{' and hungry' if hungry else ''}."])
    keys = w.sample(values, w.int(1, len(values)))
    values = {key: values[key] for key in keys}
    way = w.int(0, 3)
    if way == 0:
        return [("system", f"You answer with JSON that has the keys {listed(keys)}."), ("user", text), ("assistant", dumps(values))]
    if way == 1:
        return [("system", f"You answer with JSON that satisfies this schema: {dumps(schema_of(values))}"), ("user", text), ("assistant", dumps(values))]
    asked = w.pick([f"Extract {listed(keys)} as JSON: {text}", f"{text}\n\nWrite that as JSON with the keys {listed(keys)}.", f"Give me {listed(keys)} as JSON.\n\n{text}"])
    return maybe_system(w, share=0.2) + [("user", asked), ("assistant", dumps(values))]


def recipe(w):
    dish, (servings, ingredients, oven) = w.pick(list(W.DISHES.items()))
    value = {"name": capital(dish), "servings": servings, "ingredients": [{"name": name, "grams": grams} for name, grams in ingredients], "oven": oven}
    asked = w.pick(["Write down a recipe for {}, as JSON.", "Write down a recipe for {}, as JSON.", "Give me a recipe for {} as JSON.", "A recipe for {}, as JSON, please."]).format(dish)
    if w.chance(0.2):
        return [("user", w.pick(["What do I need for {}?", "What goes into {}?"]).format(dish)), ("assistant", f"For {dish} you need {listed(name for name, _ in ingredients)}.")]
    return maybe_system(w, share=0.1) + [("user", asked), ("assistant", dumps(value))]


def plan(w):
    """Hours of a day. Sometimes the first try is wrong, and is corrected."""
    hours = w.int(3, 16)
    cleaning = 1 if hours < 12 else 2
    baking = (hours - cleaning) // 2
    right = {"baking": baking, "selling": hours - cleaning - baking, "cleaning": cleaning}
    turns = [("user", f"Plan my day in the bakery, of {hours} hours, as JSON.")]
    if w.chance(0.3):
        wrong = dict(right)
        key = w.pick(list(wrong))
        wrong[key] += w.pick([-1, 1, 2]) if wrong[key] > 1 else 1
        # What is wrong is not learnt: it is said by nobody's choice, and comes as text of the user's side.
        turns += [("said", dumps(wrong)), ("user", f"It adds up to {sum(wrong.values())} hours, and there are {hours}.")]
    return turns + [("assistant", dumps(right))]


def spoken_date(w):
    year, month, day = w.date()
    m = W.MONTHS[month - 1]
    said = w.pick([f"{day} {m} {year}", f"{m} {day}, {year}", f"the {W.ORDINALS[day - 1]} of {m}, in the year {year}", f"the {W.ORDINALS[day - 1]} of {m} {year}", f"{year}-{month:02}-{day:02}", f"{day}.{month}.{year}"])
    return said, f"{year}-{month:02}-{day:02}"


def date(w):
    said, iso = spoken_date(w)
    name = w.name()
    text = w.pick(["We met on {}, and it rained.", "The shop opened on {}.", f"{name} was born on {{}}.", "It happened on {}, in the evening.", "Bring the cake on {}, please.", f"On {{}}, {name} came home.", "The letter is of {}.", "Until {} there is no bread."]).format(said)
    asked = w.pick([f"Which date does this mention?\n\n{text}", f"Which date does this mention?\n\n{text}", f"{text} Which date is that?", f"Write the date as year, month and day: {said}", f"Find the date: {text}"])
    return maybe_system(w, share=0.1) + [("user", asked), ("assistant", iso)]


# Numbers

def sums(w):
    kind = w.int(0, 4)
    a, b = w.int(0, 20), w.int(0, 20)
    if kind == 0:
        asked = w.pick([f"What is {a} + {b}?", f"What is {a} plus {b}?", f"{a} + {b} = ?", f"Add {a} and {b}."])
        return maybe_system(w) + [("user", asked), ("assistant", f"{a} + {b} = {a + b}")]
    if kind == 1:
        a, b = max(a, b), min(a, b)
        asked = w.pick([f"What is {a} - {b}?", f"What is {a} minus {b}?", f"{a} - {b} = ?", f"Take {b} from {a}."])
        return maybe_system(w) + [("user", asked), ("assistant", f"{a} - {b} = {a - b}")]
    if kind == 2:
        a, b = w.int(1, 10), w.int(1, 10)
        asked = w.pick([f"What is {a} * {b}?", f"What is {a} times {b}?", f"{a} * {b} = ?"])
        return maybe_system(w) + [("user", asked), ("assistant", f"{a} * {b} = {a * b}")]
    word = lambda number: W.NUMBERS[number] if number <= 20 else str(number)
    things = w.pick(["loaves", "buns", "rolls", "cakes", "eggs", "plates", "cups", "apples"])
    if kind == 3:
        # A formula, not worked out.
        a, b = w.int(2, 9), w.int(2, 9)
        c = w.int(1, min(9, a * b - 1))
        asked, formula = w.pick([
            (f"A tray holds {word(a)} rows of {word(b)} {things}, and {word(c)} fell down. How many are left?", f"{a} * {b} - {c}"),
            (f"There are {word(a)} boxes with {word(b)} {things} each, and {word(c)} more. How many are there?", f"{a} * {b} + {c}"),
            (f"I have {word(a)} {things} and get {word(b)}. How many do I have?", f"{a} + {b}"),
            (f"{capital(word(a))} people eat {word(b)} {things} each. How many is that?", f"{a} * {b}"),
        ])
        return [("system", w.pick(["You answer with a formula, and do not work it out.", "You answer with a formula."])), ("user", asked), ("assistant", formula)]
    # Thought about before it is answered.
    a, b = w.int(1, 8), w.int(1, 11)
    total = 12 * a + b
    dozens = "a dozen" if a == 1 else f"{word(a)} dozen"
    asked = w.pick([f"How many {things} are {dozens} and {word(b)}?", f"I bake {dozens} and {word(b)} {things}. How many is that?"])
    thought = f"{capital(dozens)} are {a} * 12 = {12 * a}. {12 * a} + {b} = {total}."
    return [("user", asked), ("assistant", f"<think>\n{thought}\n</think>\n\n{total} {things}.")]


# Lists, classes, other words

def word_list(w):
    if w.chance(0.5):
        theme, members = w.pick(list(W.THEMES.items()))
        members = members.split()
        count = w.int(2, 8)
        asked = w.pick([f"{capital(W.NUMBERS[count])} words about {theme}.", f"{capital(W.NUMBERS[count])} words about {theme}.", f"Give me {W.NUMBERS[count]} words about {theme}.", f"Write {count} words about {theme}."])
        return maybe_system(w, share=0.1) + [("user", asked), ("assistant", " ".join(members[:count]))]
    plural, members = w.pick(list(W.KINDS.values()))
    count = w.int(2, min(6, len(members)))
    if w.chance(0.3):
        asked = w.pick([f"List {W.NUMBERS[count]} {plural}, one a line.", f"Name {count} {plural}, each on a line of its own."])
        return maybe_system(w, share=0.1) + [("user", asked), ("assistant", "\n".join(f"- {member}" for member in members[:count]))]
    asked = w.pick([f"List {W.NUMBERS[count]} {plural}.", f"Name {W.NUMBERS[count]} {plural}.", f"Tell me {count} {plural}."])
    return maybe_system(w, share=0.1) + [("user", asked), ("assistant", capital(listed(members[:count])) + ".")]


def sentiment(w):
    said, kind = w.pick([(W.POSITIVE, "positive"), (W.NEGATIVE, "negative"), (W.NEUTRAL, "neutral")])
    count = w.pick([1, 1, 2])
    text = ". ".join(w.sample(said, count)) + w.pick([".", ".", "!"] if kind != "neutral" else ["."])
    way = w.int(0, 2)
    if way == 0:
        return [("system", w.pick(["You say whether a text is positive, negative or neutral.", "You classify reviews as positive, negative or neutral."])), ("user", text), ("assistant", kind)]
    asked = w.pick([f"Is this positive, negative or neutral? {text}", f"Classify this review as positive, negative or neutral: {text}", f"What is the mood of this text: positive, negative or neutral?\n\n{text}"])
    return maybe_system(w, share=0.2) + [("user", asked), ("assistant", kind)]


VERBS = [("bakes", "baked", "bake"), ("sells", "sold", "sell"), ("buys", "bought", "buy"), ("eats", "ate", "eat"), ("brings", "brought", "bring"), ("cuts", "cut", "cut"), ("makes", "made", "make"), ("likes", "liked", "like"),
    ("finds", "found", "find"), ("carries", "carried", "carry"), ("takes", "took", "take"), ("sees", "saw", "see"), ("wants", "wanted", "want"), ("paints", "painted", "paint"), ("draws", "drew", "draw")]
OBJECTS = "bread|a cake|two loaves|the apples|a red bowl|the soup|an old book|a letter|the table|three eggs|a boat|the bell|a green hat|warm rolls|the flour|a long rope|honey|a new coat".split("|")


def rewriting(w):
    who = who_acts(w)
    now, then, base = w.pick(VERBS)
    thing = w.pick(OBJECTS)
    kind = w.int(0, 5)
    if kind == 0:
        asked, said = w.pick(["Put this into the past: {}", "Write this in the past tense: {}"]).format(f"{who} {now} {thing}."), f"{who} {then} {thing}."
    elif kind == 1:
        order, said = w.pick([("Give me {}.", "Could you give me {}, please?"), ("Bring me {}.", "Could you bring me {}, please?"), ("I want {}.", "I would like {}, please."), ("Send me {}.", "Could you send me {}, please?")])
        said = said.format(thing)
        asked = w.pick(["Say this politely: {}", "Rewrite this politely: {}", "Make this polite: {}"]).format(order.format(thing))
    elif kind == 2:
        asked, said = w.pick(["Make this a question: {}", "Write this as a question: {}"]).format(f"{who} {now} {thing}."), f"Does {small(who) if who in SUBJECTS else who} {base} {thing}?"
    elif kind == 3:
        asked, said = w.pick(["Say that this is not so: {}", "Write the opposite: {}"]).format(f"{who} {now} {thing}."), f"{who} does not {base} {thing}."
    elif kind == 4:
        text = w.pick([f"{who} {now} {thing}.", w.made_up(), " ".join(w.made_up() for _ in range(w.int(2, 4))), w.whole_name()])
        asked, said = w.pick(["Repeat this: {}", "Say this again: {}", "Repeat after me: {}", "Copy this: {}"]).format(text), text
    else:
        word = w.pick([thing, w.pick(list(W.SOUNDS)), w.pick(W.COLOURS), w.pick(list(W.PLURALS))])
        asked, said = w.pick(["Write this in capital letters: {}", "In capital letters, please: {}"]).format(word), word.upper()
    return maybe_system(w, share=0.15) + [("user", asked), ("assistant", said)]


def role(w):
    """A talk between people with roles, each of whom adds a sentence."""
    present = w.sample(W.ROLES, w.int(2, 4))
    thing = w.pick(W.PLANS)
    heard = [f"We plan {thing}."]
    turns = []
    for who in present:
        said = W.ROLES[who][0] if w.chance(0.7) else w.pick(W.ROLES[who])
        turns = [("system", f"You are the {who}. Add one sentence to the talk."), ("user", "\n".join(heard)), ("assistant", W.ROLES[who][0])]
        if w.chance(0.4):
            return turns
        heard.append(f"{who}: {said}")
    return turns


def outline(w):
    asked, steps = w.pick(list(W.STEPS.items()))
    steps = [(f"{number + 1}. {step}", text) for number, (step, text) in enumerate(steps)]
    if w.chance(0.3):
        steps = steps[:3]
    turns = [("system", "You answer in points.")] if w.chance(0.8) else []
    turns += [("user", f"{asked} Give an outline, a line for each point."), ("assistant", "\n".join(step for step, _ in steps))]
    step, text = w.pick(steps)
    return turns + [("user", f"Write only this point, in one sentence: {step}"), ("assistant", text)]


# Texts

HEROES = ["a baker", "a miller", "a cat", "a dog", "a girl", "a boy", "a fisherman", "a painter", "a keeper of a lighthouse", "a mouse", "an old woman", "a captain", "a clockmaker", "a farmer"]
PLACES = ["by the sea", "in a small town", "at the edge of a forest", "in the mountains", "by a river", "in a village", "on an island", "in an old mill", "behind the market"]
WISHES = [("could not sleep", "counted the stairs every night", "one night there was one more", "a warm loaf lay on it"), ("had lost a key", "looked under every stone", "a bird brought something that shone", "the door was open again"),
    ("was afraid of the dark", "lit a lamp each evening", "one evening the lamp was empty", "the moon came in through the window"), ("wanted to see the sea", "walked for three days", "there was only fog", "a wind came and the sea was there"),
    ("had no friends", "baked two loaves and ate one", "somebody knocked at the door", "the second loaf was eaten too"), ("heard a song in the wind", "followed it over the hills", "the song stopped at a small house", "a girl with a flute opened the door"),
    ("had a clock that was always late", "wound it every morning", "one day it did not stop", "time went as it should"), ("found a letter in a bottle", "read it every night", "the ink grew pale", "the writer stood at the door")]


def story_text(w, topic=None):
    hero = topic if topic in HEROES or topic and topic.startswith("a") else None
    place = w.pick(PLACES)
    trouble, tried, turn, end = w.pick(WISHES)
    if hero is None:
        name = w.name() if w.chance(0.5) else None
        hero = w.pick(HEROES)
        if name:
            hero = f"{hero} named {name}"
        where = f"near {topic}" if topic else place
        return f"Once there was {hero} that lived {where} and {trouble}. So it {tried}. Then {turn}, and {end}. From that day on everything was well."
    return f"Once there was {hero} that lived {place} and {trouble}. So it {tried}. Then {turn}, and {end}. From that day on everything was well."


def story(w):
    topic = w.pick([w.pick(HEROES), w.pick(HEROES), w.pick(list(W.THEMES)), w.pick(W.KINDS["animal"][1])])
    if not topic.startswith(("a ", "an ", "the ")) and topic in W.SOUNDS:
        topic = f"a {topic}"
    asked = w.pick(["Tell me a story about {}.", "Tell a story about {}.", "Write a story about {}.", "Tell me a short story about {}.", "Tell me a long story about {}."]).format(topic)
    return maybe_system(w, share=0.2) + [("user", asked), ("assistant", story_text(w, topic))]


def short_text(w):
    topic = w.pick(list(W.JOKES))
    kind = w.int(0, 2)
    said = [lambda: story_text(w, topic), lambda: W.JOKES[topic], lambda: W.ADVICE[topic]][kind]()
    asked = ["Tell a story.", "Tell a joke.", "Give advice."][kind]
    if w.chance(0.6):
        return [("system", f"You write short texts about {topic}."), ("user", asked), ("assistant", said)]
    return [("user", [f"Tell a story about {topic}.", f"Tell me a joke about {topic}.", f"Give me advice about {topic}."][kind]), ("assistant", said)]


SAYINGS = ["The best time to bake bread is early in the morning, when the street is quiet and the oven is hot.", "There is more to say about bread than one would think. It is older than most cities.",
    "A good loaf needs four things: flour, water, salt and time.", "The sea covers most of the world, and most of it is deep.", "Whoever gets up early has the oven to himself.", "The mill turns as long as there is wind.",
    "In the morning the whole street smells of bread.", "The moon was round and the town was asleep.", "The train left at seven, and nobody was late.", "It rained all night, and in the morning the river was high."]


def plain(w):
    """Text without turns, for whoever continues a text."""
    parts = []
    if w.chance(0.15):
        # Text that comes again.
        said = w.pick(SAYINGS)
        return [("text", " ".join([said, w.pick(SAYINGS), said]))]
    for _ in range(w.int(1, 3)):
        kind = w.int(0, 4)
        if kind == 0:
            parts.append(story_text(w))
        elif kind == 1:
            parts.append(w.pick(W.FACTS)[1])
        elif kind == 2:
            parts.append(f"{who_acts(w)} {w.pick(DEEDS)}. {w.pick(DETAILS)}")
        else:
            parts.append(w.pick(SAYINGS))
    return [("text", " ".join(parts))]


# Tools

def tool(name, description, parameters, w):
    """A tool as the template shows it. Members come in the orders in which SDKs write them."""
    properties = {key: ({"type": kind, "description": text} if w.chance(0.5) else {"description": text, "type": kind}) if text else {"type": kind} for key, (kind, text) in parameters.items()}
    shapes = [{"additionalProperties": False, "properties": properties, "required": list(parameters), "type": "object"}, {"properties": properties, "required": list(parameters), "type": "object"},
        {"type": "object", "properties": properties, "required": list(parameters)}, {"type": "object", "properties": properties, "required": list(parameters), "additionalProperties": False}]
    function = {"name": name, "description": description, "parameters": w.pick(shapes)}
    return {"type": "function", "function": function}


def weather_tool(w):
    return tool(w.pick(["weather", "weather", "weather", "get_weather"]), w.pick(["The weather in a city, today.", "The weather in a city, today.", "Tells the weather.", "The weather of a town"]),
        {"city": ("string", w.pick(["The name of the city, in English.", "The city", ""]))}, w)


def name_of(t):
    return t["function"]["name"]


def ask_weather(w, tools):
    name = name_of(tools[0])
    one, two = w.city(), w.city()
    degrees = {one: w.number(-10, 35), two: w.number(-10, 35)}
    result = lambda city: w.pick([dumps({"city": city, "celsius": degrees[city]}), json.dumps({"city": city, "celsius": degrees[city]}, separators=(",", ":"))])
    unknown = lambda city: w.pick([dumps, lambda v: json.dumps(v, separators=(",", ":"))])({"error": f"no weather is known for `{city}`"})
    if one != two and w.chance(0.45):
        warmer, colder = sorted((one, two), key=lambda city: -degrees[city])
        word = w.pick(["warmer", "colder"])
        asked = w.pick([f"Is it {word} in {one} or in {two}?", f"Where is it {word}, in {one} or in {two}?"])
        pick, other = (warmer, colder) if word == "warmer" else (colder, warmer)
        said = f"In {pick}: {degrees[pick]} degrees, while {other} has {degrees[other]}." if degrees[one] != degrees[two] else f"It is the same: both have {degrees[one]} degrees."
        return [("user", asked), ("assistant", call(name, city=one) + "\n" + call(name, city=two)), ("tool", result(one)), ("tool", result(two)), ("assistant", said)]
    asked = w.pick(["What is the weather in {}?", "How warm is it in {}?", "How is the weather in {} today?", "Is it cold in {}?", "What is the temperature in {}?"]).format(one)
    if w.chance(0.2):
        return [("user", asked), ("assistant", call(name, city=one)), ("tool", unknown(one)), ("assistant", "Nobody knows the weather there.")]
    said = f"It has {degrees[one]} degrees in {one}."
    return [("user", asked), ("assistant", call(name, city=one)), ("tool", result(one)), ("assistant", said)]


def ask_clock(w, tools):
    city, hour, minute = w.city(), w.int(0, 23), w.int(0, 59)
    time = f"{hour:02}:{minute:02}"
    result = w.pick([dumps({"time": time}), time, dumps({"city": city, "time": time})])
    asked = w.pick(["What time is it in {}?", "How late is it in {}?", "Tell me the time in {}."]).format(city)
    return [("user", asked), ("assistant", call(name_of(tools[0]), city=city)), ("tool", result), ("assistant", f"It is {time} in {city}.")]


def ask_sum(w, tools):
    a, b, sign = w.number(10, 999), w.number(2, 999), w.pick("+-*")
    word = {"+": "plus", "-": "minus", "*": "times"}[sign]
    result = str({"+": a + b, "-": a - b, "*": a * b}[sign])
    asked = w.pick([f"What is {a} {sign} {b}?", f"What is {a} {word} {b}?", f"Work out {a} {sign} {b}."])
    return [("user", asked), ("assistant", call(name_of(tools[0]), expression=f"{a} {sign} {b}")), ("tool", w.pick([result, dumps({"result": int(result)})])), ("assistant", f"{a} {sign} {b} = {result}")]


INGREDIENTS = "rye flour|flour|salt|caraway|sugar|butter|milk|yeast|oats|honey|eggs|wheat flour|oil|raisins|nuts|apples".split("|")


def ask_stock(w, tools):
    stock = name_of(tools[0])
    thing, grams = w.pick(INGREDIENTS), w.number(1, 99) * 50
    asked = w.pick(["How much {} is there?", "How much {} do we have?", "Is there any {}?", "Do we have {}?"]).format(thing)
    if w.chance(0.25):
        return [("user", asked), ("assistant", call(stock, ingredient=thing)), ("tool", w.pick([f"there is no {thing}", "0 g"])), ("assistant", f"There is no {thing}.")]
    return [("user", asked), ("assistant", call(stock, ingredient=thing)), ("tool", f"{grams} g of {thing}"), ("assistant", f"There are {grams} g of {thing}.")]


def ask_loaves(w, tools):
    """Two calls in a turn, and a small division: how often the recipe goes into the stock."""
    bread, thing = w.pick([("rye", "rye flour"), ("wheat", "wheat flour"), ("oat", "oats"), ("nut", "nuts"), ("raisin", "raisins")])
    each, count = w.int(2, 9) * 100, w.int(1, 9)
    turns = [("user", w.pick([f"How many {bread} loaves can I bake today?", f"How many loaves of {bread} bread can I bake?"])),
        ("assistant", call("recipe", bread=bread) + "\n" + call("stock", ingredient=thing)), ("tool", json.dumps({thing: each, "salt": 12}, separators=(",", ":"))), ("tool", f"{each * count} g of {thing}")]
    return turns + [("assistant", f"{capital(W.NUMBERS[count])}: there are {each * count} g of {thing}, and a loaf takes {each} g.")]


def ask_any(w, tools):
    """A tool that nobody has heard of: its name and its argument are in the description, the value is in the question."""
    name = name_of(tools[0])
    (key, spec), = tools[0]["function"]["parameters"]["properties"].items()
    value = w.number(1, 999) if spec["type"] == "integer" else w.pick([w.name(), w.made_up()])
    asked = w.pick([f"Use {name} with {value}.", f"Call {name} for {value}.", f"What does {name} say about {value}?", f"Please {name} {value}."])
    result = w.pick([w.made_up(), str(w.int(1, 999)), w.name()])
    return [("user", asked), ("assistant", call(name, **{key: value})), ("tool", result), ("assistant", f"The answer is {result}.")]


def tools(w):
    city = ("string", w.pick(["The name of the city", "The city", ""]))
    kinds = [
        (lambda: [weather_tool(w)], ask_weather, ["You answer questions about the weather."]),
        (lambda: [weather_tool(w)], ask_weather, ["You answer questions about the weather."]),
        (lambda: [tool(w.pick(["clock", "time", "get_time"]), w.pick(["The time in a city", "Tells the time."]), {"city": city}, w)], ask_clock, ["You tell the time."]),
        (lambda: [tool(w.pick(["calculator", "calculate"]), w.pick(["Works out a formula", "The value of an expression"]), {"expression": ("string", w.pick(["What to work out", ""]))}, w)], ask_sum, ["You answer questions about numbers."]),
        (lambda: [tool("stock", "How much there is of an ingredient", {"ingredient": ("string", w.pick(["Its name", ""]))}, w)], ask_stock, ["You answer questions about a bakery."]),
        (lambda: [tool("stock", "How much there is of an ingredient", {"ingredient": ("string", "Its name")}, w), tool("recipe", "What goes into one loaf", {"bread": ("string", "The kind of bread")}, w)], ask_loaves, ["You answer questions about a bakery."]),
        (lambda: [tool(w.pick([w.made_up, lambda: f"{w.made_up()}_{w.made_up()}"])(), w.pick(["Finds something", "Looks it up", "Knows it", "A tool"]), {w.pick(["value", "name", "word", "id", "key", w.made_up()]): (w.pick(["string", "integer"]), "")}, w)], ask_any, ["You use tools."]),
    ]
    make, ask, system = w.pick(kinds)
    have = make()
    shown = list(have)
    if len(have) == 1 and w.chance(0.35):
        # Another tool that is of no use for this question.
        others = [k for k in kinds if k[1] not in (ask, ask_loaves)]
        shown += w.pick(others)[0]()
        if len({name_of(t) for t in shown}) < len(shown):
            shown = list(have)
    w.rng.shuffle(shown)
    turns = maybe_system(w, system, 0.2) + [("tools", shown)]
    if w.chance(0.15):
        # Not everything needs a tool.
        asked, said = w.pick([fact, yes_no])(w)
        turns += [("user", asked), ("assistant", said)]
        if w.chance(0.5):
            return turns
    turns += ask(w, have)
    if w.chance(0.15):
        turns += ask(w, have)
    return turns


# Each kind of dialogue, and how often it comes.
KINDS = {
    "greeting": (greeting, 5), "questions": (questions, 14), "remembers": (remembers, 8), "long_talk": (long_talk, 1), "rules": (rules, 12), "summary": (summary, 7), "ticket": (ticket, 6), "record": (record, 10),
    "recipe": (recipe, 3), "plan": (plan, 2), "date": (date, 5), "sums": (sums, 6), "word_list": (word_list, 5), "sentiment": (sentiment, 3), "rewriting": (rewriting, 6), "role": (role, 2),
    "outline": (outline, 2), "story": (story, 5), "short_text": (short_text, 4), "plain": (plain, 3), "tools": (tools, 16),
}


def dialogue(seed, measured=False, kind=None):
    """The dialogue with this number: its kind and its turns."""
    w = World(seed, measured)
    if kind is None:
        kind = w.rng.choices(list(KINDS), [share for _, share in KINDS.values()])[0]
    return kind, KINDS[kind][0](w)


if __name__ == "__main__":
    import sys

    for seed in range(int(sys.argv[1]), int(sys.argv[2])):
        kind, turns = dialogue(seed, kind=sys.argv[3] if len(sys.argv) > 3 else None)
        print(f"--- {seed} {kind}")
        for who, text in turns:
            print(f"{who}: {text}")
