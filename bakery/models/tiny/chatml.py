"""How a dialogue is written: ChatML, with tools as Hermes and Qwen have them. `TEMPLATE` is what the engine is given, `render` writes the same text."""

import json

END = "<|im_end|>"
# The first three are control tokens; the others are words with a number of their own.
CONTROL = ["<|endoftext|>", "<|im_start|>", END]
MARKS = ["<think>", "</think>", "<tools>", "</tools>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]

TEMPLATE = """\
{%- if messages[0].role == 'system' %}{{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}{% endif %}
{%- if tools %}
    {{- '<|im_start|>system\\nYou can call these tools:\\n<tools>' }}
    {%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{% endfor %}
    {{- '\\n</tools><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if message.role == 'tool' %}
        {{- '<|im_start|>user\\n<tool_response>\\n' + message.content + '\\n</tool_response><|im_end|>\\n' }}
    {%- elif message.role != 'system' %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content }}
        {%- for call in message.tool_calls or [] %}
            {%- set call = call.function or call %}
            {{- '\\n' if message.content or not loop.first else '' }}
            {{- '<tool_call>\\n{"name": "' + call.name + '", "arguments": ' + (call.arguments | tojson) + '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{% endif %}"""


def call(name, /, **arguments):
    """A call as the model writes it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"


def pieces(turns):
    """The text of a dialogue in pieces `(text, whether the model says it)`. A turn is `(role, text)`; `tools` has a list, `text` has no turn
    around it, and `said` is what the model has said and does not learn to say."""
    for role, text in turns:
        if role == "text":
            yield text + CONTROL[0], True
        elif role in ("assistant", "said"):
            yield "<|im_start|>assistant\n", False
            yield text + END, role == "assistant"
            yield "\n", False
        else:
            if role == "tools":
                role, text = "system", "You can call these tools:\n<tools>\n" + "\n".join(json.dumps(tool, ensure_ascii=False) for tool in text) + "\n</tools>"
            elif role == "tool":
                role, text = "user", f"<tool_response>\n{text}\n</tool_response>"
            yield f"<|im_start|>{role}\n{text}{END}\n", False
