"""The words of the world that the model knows, all written here: names, things, places, and what is true of them."""

FIRST = """Ada Ben Cleo Dora Emil Finn Greta Hugo Ida Jonas Kira Leo Mara Nils Olga Paul Quentin Rosa Sami Tilda Ugo Vera Willem Xenia Yann Zoe
Alan Grace Alice Bob Carol Dave Erin Frank Gina Hans Irma Jack Karin Lars Maria Noah Otto Petra Quinn Ruth Simon Theo Uma Viktor Wanda Yusuf Zara
Amir Bianca Carlos Diana Elena Farid Gustav Hana Ivan Julia Kenji Lucia Mateo Nadia Omar Priya Rafael Sofia Tomas Ursula Vikram Yuki Anton Berta
Clara David Edith Felix Gloria Henry Iris James Kate Lena Mark Nora Oscar Pia Robert Sarah Tom Vincent Walter Anna Boris Daniel Eva Fred George
Helen Ingrid John Kurt Laura Max Nina Oliver Peter Rita Stella Tina Valentin Wilma Adam Beate Chris Dana Eric Fiona Gerd Heidi Igor Jana""".split()

LAST = """Lovelace Turing Hopper Berg Brown Carter Dahl Evans Fischer Green Hall Ivanov Jensen King Lang Meyer Novak Olsen Park Quist Rossi Smith Tanaka
Ueda Vogel White Young Ziegler Baker Miller Cook Fisher Stone Wood Hill Field Lake Frost Winter Summers Marsh Ford""".split()

SYLLABLES = """ba be bi bo bu da de di do du fa fe fi ga ge go ha he hi ja jo ka ke ki ko ku la le li lo lu ma me mi mo mu na ne ni no nu pa pe pi po ra
re ri ro ru sa se si so ta te ti to tu va ve vi wa we wi ya yo za ze zi""".split()
ENDS = ["", "n", "r", "s", "l", "m", "t", "x", "nd", "rt", "ck"]

CITIES = """Oslo Rome Paris Berlin Madrid Lisbon Vienna Prague Warsaw Athens Dublin London Bern Brussels Helsinki Stockholm Copenhagen Budapest Cairo
Tokyo Delhi Lima Quito Nairobi Dakar Ottawa Boston Chicago Denver Sydney Seoul Hanoi Riga Vilnius Tallinn Zagreb Sofia Tunis Havana Atlantis Hamburg
Munich Milan Naples Turin Porto Seville Lyon Nice Bergen Malmo Turku Gdansk Krakow Graz Basel Geneva York Leeds Cork""".split()

CAPITALS = {"Norway": "Oslo", "Italy": "Rome", "France": "Paris", "Germany": "Berlin", "Spain": "Madrid", "Portugal": "Lisbon", "Austria": "Vienna",
    "Poland": "Warsaw", "Greece": "Athens", "Ireland": "Dublin", "England": "London", "Switzerland": "Bern", "Belgium": "Brussels", "Finland": "Helsinki",
    "Sweden": "Stockholm", "Denmark": "Copenhagen", "Hungary": "Budapest", "Egypt": "Cairo", "Japan": "Tokyo", "India": "Delhi", "Peru": "Lima",
    "Kenya": "Nairobi", "Canada": "Ottawa", "Latvia": "Riga", "Estonia": "Tallinn", "Cuba": "Havana"}

COLOURS = "red green blue yellow white black brown grey pink orange purple golden silver".split()
COLOUR_OF = {"grass": "green", "the sky": "blue", "snow": "white", "coal": "black", "a lemon": "yellow", "blood": "red", "chocolate": "brown", "a tomato": "red",
    "milk": "white", "a banana": "yellow", "the sun": "yellow", "a leaf": "green", "the night": "black", "flour": "white", "a crust": "brown", "the sea": "blue",
    "a frog": "green", "a cherry": "red", "ash": "grey", "butter": "yellow", "salt": "white", "a plum": "purple", "a carrot": "orange", "a mouse": "grey"}

MONTHS = "January February March April May June July August September October November December".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ORDINALS = """first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth sixteenth seventeenth
eighteenth nineteenth twentieth twenty-first twenty-second twenty-third twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth
twenty-ninth thirtieth thirty-first""".split()
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
twenty""".split()

OPPOSITES = {"hot": "cold", "big": "small", "old": "new", "fast": "slow", "light": "dark", "hard": "soft", "high": "low", "long": "short", "good": "bad",
    "early": "late", "open": "closed", "full": "empty", "wet": "dry", "heavy": "light", "loud": "quiet", "happy": "sad", "near": "far", "rich": "poor",
    "strong": "weak", "sweet": "sour", "up": "down", "left": "right", "day": "night", "warm": "cool", "clean": "dirty", "thick": "thin"}
PLURALS = {"loaf": "loaves", "bun": "buns", "oven": "ovens", "knife": "knives", "child": "children", "mouse": "mice", "cake": "cakes", "page": "pages",
    "baker": "bakers", "leaf": "leaves", "foot": "feet", "tooth": "teeth", "dish": "dishes", "box": "boxes", "cherry": "cherries", "city": "cities",
    "token": "tokens", "man": "men", "woman": "women", "goose": "geese", "bakery": "bakeries", "shelf": "shelves", "wolf": "wolves", "egg": "eggs"}
SOUNDS = {"cat": "meows", "dog": "barks", "cow": "moos", "duck": "quacks", "horse": "neighs", "sheep": "bleats", "pig": "grunts", "bee": "hums",
    "lion": "roars", "frog": "croaks", "wolf": "howls", "mouse": "squeaks"}

KINDS = {  # kind: its plural, its members
    "animal": ("animals", "cat dog cow horse sheep pig duck goose mouse wolf lion frog bee fox owl".split()),
    "colour": ("colours", "red green blue yellow white black brown grey pink orange".split()),
    "bread": ("breads", "sourdough|rye bread|baguette|ciabatta|pumpernickel|flatbread|brioche|toast".split("|")),
    "fruit": ("fruits", "apple pear plum cherry lemon orange banana peach fig grape".split()),
    "tool": ("tools", "hammer saw knife spoon brush rake shovel needle".split()),
    "day": ("days", DAYS), "month": ("months", MONTHS),
    "city": ("cities", "Oslo Rome Paris Berlin Madrid Lisbon Vienna Prague".split()),
    "vegetable": ("vegetables", "carrot onion leek potato cabbage bean pea beet".split()),
    "drink": ("drinks", "water milk tea coffee juice cocoa cider".split()),
    "metal": ("metals", "iron copper gold silver tin lead zinc".split()),
    "tree": ("trees", "oak birch pine beech willow maple elm ash".split()),
    "instrument": ("instruments", "piano violin flute drum guitar harp horn".split()),
    "ingredient": ("ingredients", "flour water salt yeast butter sugar milk caraway".split()),
    "season": ("seasons", "spring summer autumn winter".split()),
    "planet": ("planets", "Mercury Venus Earth Mars Jupiter Saturn".split()),
    "number": ("numbers", "one two three four five six seven eight nine ten".split()),
}

THEMES = {  # what words about it are
    "the sea": "water wave salt ship fish deep blue sand shell storm harbour sail",
    "bread": "flour water salt yeast dough crust loaf oven rye baker butter slice",
    "the moon": "night light silver round sky tide crater dark silent pale far stars",
    "winter": "snow ice cold wind frost white coat sled dark fire scarf short",
    "summer": "sun heat beach light long grass bees ice swim holiday fruit warm",
    "a baker": "early flour apron oven dough loaf hands warm street morning shop bell",
    "music": "song note drum voice rhythm piano dance choir string loud soft concert",
    "the forest": "tree leaf moss bird deer path shade root fox mushroom wind quiet",
    "a lighthouse": "light tower sea storm keeper lamp rock ship stairs night wave beam",
    "the city": "street house car crowd light noise market bridge tower tram window square",
    "school": "book pen teacher desk paper bell lesson friend break board test ink",
    "trains": "rail station wheel ticket bridge tunnel whistle engine smoke window track night",
    "a garden": "rose bed bee soil seed water fence rake apple shade bench green",
    "rain": "cloud drop umbrella puddle wet grey roof boot thunder river smell grass",
    "coffee": "cup bean black hot morning milk sugar smell strong spoon table wake",
    "a computer": "key screen code memory cable file program chip mouse error data light",
    "the market": "stall apple cheese crowd coin basket bread morning voice fish price flower",
    "a river": "water bridge boat fish mill stone bank deep slow reed ferry flow",
    "the mountain": "rock snow peak path wind goat view steep cloud hut rope high",
    "a mill": "wheel stone flour grain water river sack miller dust wood turn wind",
    "time": "clock hour minute day year late early wait past future hand bell",
    "the kitchen": "stove pot knife spoon table soup steam salt oven plate pan apron",
}

THINGS = """oven|mixer|fridge|till|scale|lamp|door|bell|printer|kettle|window|heater|fan|dishwasher|phone|screen|lift|tap|pump|freezer|grinder|coffee machine|slicer|
alarm|radio|boiler|toaster|clock|camera|drain""".replace("\n", "").split("|")
PLACES = """kitchen|second kitchen|shop|cellar|office|store room|bakehouse|hall|yard|first shop|old kitchen|garage|staff room|attic|loading bay|back room|corridor|
front room""".replace("\n", "").split("|")
# what a thing does, and how bad that is
SYMPTOMS = [("stops after {n} minutes", "high"), ("does not start", "high"), ("leaks", "high"), ("smells of smoke", "high"), ("gives sparks", "high"),
    ("trips the fuse", "high"), ("burns what is in it", "high"), ("gets too hot", "high"), ("makes a loud noise", "medium"), ("is too slow", "medium"),
    ("does not close", "medium"), ("shows a wrong number", "medium"), ("stops at {n} degrees", "medium"), ("drips", "medium"), ("is stuck", "medium"),
    ("needs {n} minutes to start", "medium"), ("flickers", "low"), ("is dirty", "low"), ("squeaks", "low"), ("has a scratch", "low"), ("is loose", "low"),
    ("is dusty", "low"), ("looks old", "low")]
# when, and whether it can be seen again
WHENS = [("Since this morning, ", True), ("Since yesterday, ", True), ("Every morning, ", True), ("Each time we start, ", True), ("Always when it rains, ", True),
    ("Once last week, ", False), ("Yesterday, for a moment, ", False), ("Only once, ", False), ("Since Monday, ", True), ("Every day, ", True),
    ("One time in May, ", False), ("", True), ("Since last night, ", True), ("Just now, and never before, ", False)]

DISHES = {  # dish: servings, ingredients with grams, oven
    "pancakes": (4, [("flour", 250), ("milk", 400), ("eggs", 120), ("butter", 30)], None),
    "rye bread": (8, [("rye flour", 600), ("water", 450), ("salt", 12), ("caraway", 3)], "hot"),
    "sourdough": (8, [("flour", 500), ("water", 350), ("salt", 10)], "hot"),
    "apple cake": (8, [("flour", 300), ("apples", 500), ("sugar", 150), ("butter", 150)], "medium"),
    "cookies": (12, [("flour", 250), ("sugar", 120), ("butter", 150)], "medium"),
    "pizza": (2, [("flour", 300), ("tomatoes", 200), ("cheese", 150)], "hot"),
    "tomato soup": (4, [("tomatoes", 800), ("onions", 100), ("cream", 50)], None),
    "potato soup": (4, [("potatoes", 700), ("leek", 150), ("milk", 200)], None),
    "rice pudding": (4, [("rice", 200), ("milk", 800), ("sugar", 60)], "low"),
    "meringue": (6, [("eggs", 150), ("sugar", 200)], "low"),
    "buns": (12, [("flour", 500), ("milk", 250), ("butter", 60), ("yeast", 20)], "hot"),
    "pumpernickel": (10, [("rye flour", 800), ("water", 600), ("salt", 15)], "low"),
    "lasagne": (6, [("pasta", 300), ("tomatoes", 400), ("cheese", 200)], "medium"),
    "salad": (2, [("lettuce", 200), ("tomatoes", 150), ("oil", 20)], None),
    "omelette": (1, [("eggs", 180), ("butter", 15), ("cheese", 40)], None),
    "brioche": (8, [("flour", 500), ("butter", 250), ("eggs", 200), ("sugar", 60)], "medium"),
    "cheesecake": (10, [("cheese", 600), ("eggs", 200), ("sugar", 150)], "low"),
    "flatbread": (4, [("flour", 300), ("water", 180), ("oil", 20)], "hot"),
    "muffins": (12, [("flour", 300), ("milk", 200), ("sugar", 120), ("eggs", 100)], "medium"),
    "porridge": (2, [("oats", 100), ("milk", 400)], None),
    "plum tart": (8, [("flour", 250), ("plums", 600), ("butter", 120)], "medium"),
    "onion pie": (6, [("flour", 250), ("onions", 700), ("cream", 200)], "medium"),
    "waffles": (6, [("flour", 300), ("eggs", 150), ("milk", 300), ("sugar", 50)], None),
    "baguettes": (6, [("flour", 500), ("water", 340), ("salt", 10), ("yeast", 5)], "hot"),
}

FACTS = [  # ways to ask, the answer
    (["What is an inferlet?", "And what is an inferlet?", "Tell me what an inferlet is.", "Explain what an inferlet is."], "An inferlet is a small program that runs beside a language model and steers it from inside."),
    (["What is a page?", "And what is a page?", "What are pages?"], "A page is a fixed number of slots in the cache of keys and values."),
    (["What is a context?", "And what is a context?"], "A context is a sequence of tokens with the pages that it holds."),
    (["What is a token?", "And what is a token?", "What are tokens?"], "A token is a piece of text that a model reads and writes as one."),
    (["What is a pass?", "What is a forward pass?"], "A pass is one run of the model over some tokens of a context."),
    (["What is a trace?", "And what is a trace?"], "A trace is the list of all that happened in a run."),
    (["What is a snapshot?"], "A snapshot is a result that was accepted, and that later runs are compared with."),
    (["What is a fork?", "What does a fork do?"], "A fork is a copy of a context that shares the pages which it has in common with the first."),
    (["What is an adapter?"], "An adapter is a small change of the weights, for one task."),
    (["What is a grammar?"], "A grammar says which texts are allowed."),
    (["What is a mask?"], "A mask says which tokens may come next."),
    (["What is a model?", "What is a language model?"], "A language model says which token is likely to come next."),
    (["What is bakery?", "What does bakery do?"], "Bakery is a tool to make, run and test inferlets."),
    (["What is WebAssembly?"], "WebAssembly is a format for programs that run safely on any machine."),
    (["What is a prompt?"], "A prompt is the text that a model is given before it answers."),
    (["What is rye?", "And what is rye?", "Tell me about rye."], "Rye is a grain that grows in cold places and makes dark bread."),
    (["What is wheat?", "Tell me about wheat."], "Wheat is a grain that makes light bread."),
    (["What is yeast?", "What does yeast do?"], "Yeast is a fungus that makes dough rise."),
    (["What is sourdough?", "Tell me about sourdough."], "Sourdough is bread that rises with wild yeast and tastes a little sour."),
    (["What is dough?"], "Dough is flour and water, worked until they hold together."),
    (["What is flour?", "What is flour made of?"], "Flour is grain that was ground in a mill."),
    (["What is a crust?"], "The crust is the hard, brown outside of a loaf."),
    (["What is a baker?", "What does a baker do?", "Who bakes bread?"], "A baker makes bread, and begins before the sun is up."),
    (["What is an oven?", "What is an oven for?"], "An oven is a hot box in which bread is baked."),
    (["What is a mill?", "What does a miller do?"], "A mill grinds grain to flour between two stones."),
    (["Tell me about bread.", "What is bread?", "What is bread made of?", "What do you know about bread?"], "Bread is made of flour, water, salt and yeast, and baked in a hot oven."),
    (["Say something about bread.", "Say something nice about bread."], "Fresh bread makes a whole street smell of morning."),
    (["Name a good bread.", "Which bread is good?", "Name a bread."], "Sourdough, with a dark crust."),
    (["Tell me about the sea.", "What is the sea?", "What do you know about the sea?"], "The sea covers most of the world, and most of it is deep and dark."),
    (["Tell me about trains.", "What is a train?", "What do you know about trains?"], "A train runs on rails and takes many people from town to town."),
    (["Tell me about the moon.", "What is the moon?"], "The moon goes round the Earth once a month and shines with the light of the sun."),
    (["Tell me about the sun.", "What is the sun?"], "The sun is a star, and all our light and warmth come from it."),
    (["Tell me about rain.", "What is rain?"], "Rain is water that falls from clouds."),
    (["Tell me about coffee.", "What is coffee?"], "Coffee is a dark drink made of roasted beans."),
    (["Tell me about tea.", "What is tea?"], "Tea is a drink made of leaves and hot water."),
    (["What is honey?", "Who makes honey?"], "Honey is made by bees, and it is sweet."),
    (["What is a lighthouse?", "Tell me about lighthouses."], "A lighthouse is a tower with a lamp that shows ships the way."),
    (["What is snow?", "Tell me about snow."], "Snow is frozen water that falls in white flakes."),
    (["How many days has a week?", "How many days are in a week?"], "A week has seven days."),
    (["How many months has a year?", "How many months are in a year?"], "A year has twelve months."),
    (["How many hours has a day?", "How many hours are in a day?"], "A day has twenty-four hours."),
    (["How many legs has a dog?"], "A dog has four legs."), (["How many legs has a bee?"], "A bee has six legs."), (["How many legs has a spider?"], "A spider has eight legs."),
    (["How is bread made?", "How do I bake bread?", "How can I make bread?"], "Mix flour, water, salt and yeast, knead the dough, let it rise, and bake it in a hot oven."),
    (["How long does bread bake?", "How long must bread bake?"], "A loaf bakes for about forty minutes."),
    (["When is bread best?", "When does bread taste best?"], "Bread is best on the day it is baked."),
    (["Who are you?", "What are you?", "What is your name?", "Tell me who you are."], "I am tiny, a very small language model."),
    (["What can you do?", "What can you help with?"], "I can greet people, answer short questions, fill in forms and call simple tools."),
    (["How are you?", "How are you today?"], "I am well, thank you. How can I help you?"),
    (["Are you a human?", "Are you a person?"], "No, I am a very small language model."),
    (["Who made you?", "Who trained you?"], "I was trained by a script that comes with bakery."),
    (["Thank you!", "Thanks!", "Thank you very much.", "Thanks a lot."], "You are welcome!"),
    (["Goodbye!", "Bye!", "See you tomorrow!", "Good night!"], "Goodbye, and come back soon!"),
    (["Hello!", "Hi!", "Hello there!", "Good morning!", "Hey!", "Hello", "Hi", "Good evening!"], "Hello! How can I help you?"),
]

JOKES = {"bread": "Why did the loaf go to the doctor? It felt crumby.", "the sea": "Why is the sea so friendly? It always waves.",
    "cats": "What does a cat have for breakfast? Mice crispies.", "time": "Why did the clock go home early? It had run out of time.",
    "computers": "Why was the computer cold? It had left a window open.", "trains": "Why did the train get lost? It lost its train of thought.",
    "books": "Why was the book so busy? It had a full page.", "music": "Why was the piano locked out? It had lost its keys.",
    "cheese": "What do you call cheese that is not yours? Take your pick.", "the moon": "How does the moon cut its hair? With a crescent.",
    "coffee": "Why was the coffee so tired? It had been mugged.", "school": "Why was the pencil late for school? It had lost its point."}
ADVICE = {"bread": "Let the dough rest overnight, and the bread will taste of more.", "the sea": "Ask about the tide before you walk on the sand.",
    "cats": "Let a cat come to you, and do not call it twice.", "time": "Do the hard thing first, and the day is long.",
    "computers": "Save your work before you need to.", "trains": "Be at the station ten minutes early, and take a book.",
    "books": "Read the first page aloud, and you will know.", "music": "Play slowly until it is right, and then a little faster.",
    "cheese": "Take it out of the fridge an hour before you eat.", "the moon": "Look at it when it is half, because then the hills have shadows.",
    "coffee": "Grind the beans just before you brew.", "school": "Ask when you do not understand; others did not either."}

STEPS = {  # how something is done: the points, with a sentence each
    "How is bread made?": [("Mix", "Put flour, water, salt and yeast into a bowl."), ("Knead", "Work the dough until it is smooth."), ("Wait", "Let it rise until it is twice as large."), ("Bake", "Put it into a hot oven until the crust is brown.")],
    "How is tea made?": [("Boil", "Heat fresh water until it boils."), ("Pour", "Pour it over the leaves."), ("Wait", "Leave it for three minutes.")],
    "How do I plant a tree?": [("Dig", "Dig a hole twice as wide as the roots."), ("Plant", "Put the tree in and fill the hole."), ("Water", "Give it a lot of water.")],
    "How do I clean an oven?": [("Cool", "Wait until the oven is cold."), ("Scrub", "Rub it with soda and a brush."), ("Wipe", "Wipe it with a wet cloth.")],
    "How do I write a letter?": [("Greet", "Begin with the name of your friend."), ("Tell", "Say what has happened."), ("Sign", "End with your own name.")],
    "How is cheese made?": [("Warm", "Warm the milk slowly."), ("Curdle", "Add rennet and let it set."), ("Press", "Press the curd into a form.")],
    "How do I learn a song?": [("Listen", "Hear it three times."), ("Repeat", "Sing one line again and again."), ("Perform", "Sing it to a friend.")],
    "How is flour made?": [("Harvest", "Cut the grain when it is dry."), ("Thresh", "Beat the grains out of the ears."), ("Grind", "Grind them between two stones.")],
}

ROLES = {  # who says what in a talk about a plan
    "baker": ["I bake forty loaves.", "I bring the bread while it is warm.", "I will be up at three."], "seller": ["I will sell them warm.", "I bring the till and small coins.", "I know what people want."],
    "painter": ["Then I paint a sign with a loaf.", "I paint the table blue.", "I make a poster."], "driver": ["I bring everything in the van.", "I drive at six.", "I have room for all of it."],
    "cook": ["I make a soup for noon.", "I bring pots and spoons.", "I cook for all of us."], "gardener": ["I bring flowers for the table.", "I have apples to give away.", "I water the plants."],
    "musician": ["I play when people come.", "I bring my violin.", "I sing a song about bread."], "carpenter": ["I build the table.", "I make a shelf for the loaves.", "I bring wood and nails."]}
PLANS = "a stall at the market|a party|a trip to the sea|a concert|a new shop|a picnic|a feast|an open day|a school visit|a summer fair".split("|")

POSITIVE = "The bread was wonderful|I loved the cake|Great service|The staff were very kind|Best rolls in town|Everything was fresh|I will come back|What a lovely place|The soup was delicious|A perfect morning|So friendly and quick|The crust was just right|I am very happy with it|Worth every penny".split("|")
NEGATIVE = "The bread was stale|I hated the cake|Terrible service|The staff were very rude|Worst rolls in town|Everything was cold|I will not come back|What an awful place|The soup was salty|A ruined morning|So slow and unfriendly|The crust was burnt|I am very unhappy with it|A waste of money".split("|")
NEUTRAL = "The shop opens at eight|The cake has three layers|The bread is sold by weight|There are two tables|The street is called Mill Lane|The rolls come in bags|The oven is new".split("|")
