//! What Python has elsewhere and an inferlet has not: whoever asks for it is told the line, and what to do instead.

use snapbox::{assert_data_eq, str};

use crate::support::folder::{self, text};
use crate::support::python;

/// What `main.py` prints on standard error when it fails.
#[track_caller]
fn complains(source: &str, expected: snapbox::data::Inline) {
    let folder = folder::Folder::<python::Python>::new(&[("main.py", source)]);
    let output = folder.bakery(&["run", "main.py"]);
    assert_eq!((output.status.code(), text(&output.stdout).as_ref()), (Some(1), ""));
    assert_data_eq!(text(&output.stderr), expected);
}

#[test]
fn who_starts_a_thread_gets_the_line_and_what_to_do_instead() {
    complains(
        "import threading\n\nasync def main():\n    threading.Thread(target=print).start()\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    threading.Thread(target=print).start()
    ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~^^
  File "/python/threading.py", line 1004, in start
RuntimeError: can't start new thread
error: the inferlet returned an error: `main.py`, line 4: RuntimeError: can't start new thread; an inferlet has no threads: make an `async def` of what is to run beside others, and run several with `asyncio.gather`

"#]],
    );
    complains(
        "from concurrent.futures import ThreadPoolExecutor\n\nasync def main():\n    ThreadPoolExecutor().submit(print)\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    ThreadPoolExecutor().submit(print)
    ~~~~~~~~~~~~~~~~~~~~~~~~~~~^^^^^^^
  File "/python/concurrent/futures/thread.py", line 215, in submit
  File "/python/concurrent/futures/thread.py", line 237, in _adjust_thread_count
  File "/python/threading.py", line 1004, in start
RuntimeError: can't start new thread
error: the inferlet returned an error: `main.py`, line 4: RuntimeError: can't start new thread; an inferlet has no threads: make an `async def` of what is to run beside others, and run several with `asyncio.gather`

"#]],
    );
    complains(
        "import asyncio\n\nasync def main():\n    await asyncio.to_thread(print)\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    await asyncio.to_thread(print)
  File "/python/asyncio/threads.py", line 25, in to_thread
  File "/1/inferlet/loop.py", line [..], in run_in_executor
inferlet.absent.AbsentError: `print` cannot run in a thread; an inferlet has no threads: make an `async def` of what is to run beside others, and run several with `asyncio.gather`
error: the inferlet returned an error: `main.py`, line 4: `print` cannot run in a thread; an inferlet has no threads: make an `async def` of what is to run beside others, and run several with `asyncio.gather`

"#]],
    );
}

#[test]
fn who_opens_a_socket_gets_the_line_and_what_to_do_instead() {
    complains(
        "import socket\n\nasync def main():\n    socket.create_connection(('a.example', 80))\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    socket.create_connection(('a.example', 80))
    ~~~~~~~~~~~~~~~~~~~~~~~~^^^^^^^^^^^^^^^^^^^
  File "/python/socket.py", line 850, in create_connection
  File "/python/socket.py", line 987, in getaddrinfo
PermissionError: [Errno 2] Permission denied
error: the inferlet returned an error: `main.py`, line 4: PermissionError: [Errno 2] Permission denied; an inferlet has no sockets: `inferlet.http` asks the hosts that its manifest lists, `session` talks to whoever launched it, and `messaging` to other inferlets

"#]],
    );
    complains(
        "import asyncio\n\nasync def main():\n    await asyncio.open_connection('a.example', 80)\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    await asyncio.open_connection('a.example', 80)
  File "/python/asyncio/streams.py", line 48, in open_connection
  File "/1/inferlet/loop.py", line [..], in getaddrinfo
  File "/1/inferlet/loop.py", line [..], in _no_sockets
inferlet.absent.AbsentError: an inferlet has no sockets: `inferlet.http` asks the hosts that its manifest lists, `session` talks to whoever launched it, and `messaging` to other inferlets
error: the inferlet returned an error: `main.py`, line 4: an inferlet has no sockets: `inferlet.http` asks the hosts that its manifest lists, `session` talks to whoever launched it, and `messaging` to other inferlets

"#]],
    );
    complains(
        "import urllib.request\n\nasync def main():\n    urllib.request.urlopen('http://a.example/')\n",
        str![[r#"
Traceback (most recent call last):
  File "/python/urllib/request.py", line 1321, in do_open
  File "/python/http/client.py", line 1338, in request
  File "/python/http/client.py", line 1384, in _send_request
  File "/python/http/client.py", line 1333, in endheaders
  File "/python/http/client.py", line 1093, in _send_output
  File "/python/http/client.py", line 1037, in send
  File "/python/http/client.py", line 1003, in connect
  File "/python/socket.py", line 850, in create_connection
  File "/python/socket.py", line 987, in getaddrinfo
PermissionError: [Errno 2] Permission denied

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "main.py", line 4, in main
    urllib.request.urlopen('http://a.example/')
    ~~~~~~~~~~~~~~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^
  File "/python/urllib/request.py", line 187, in urlopen
  File "/python/urllib/request.py", line 487, in open
  File "/python/urllib/request.py", line 504, in _open
  File "/python/urllib/request.py", line 464, in _call_chain
  File "/python/urllib/request.py", line 1350, in http_open
  File "/python/urllib/request.py", line 1324, in do_open
urllib.error.URLError: <urlopen error [Errno 2] Permission denied>
error: the inferlet returned an error: `main.py`, line 4: URLError: <urlopen error [Errno 2] Permission denied>; an inferlet has no sockets: `inferlet.http` asks the hosts that its manifest lists, `session` talks to whoever launched it, and `messaging` to other inferlets

"#]],
    );
    complains(
        "import json\nimport ssl\n\nasync def main(): ...\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 2, in <module>
    import ssl
ModuleNotFoundError: No module named 'ssl'
error: the inferlet returned an error: `main.py`, line 2: ModuleNotFoundError: No module named 'ssl'; an inferlet has no sockets, and needs no `ssl` for HTTP: `inferlet.http` asks `https` addresses

"#]],
    );
}

#[test]
fn who_starts_a_process_gets_the_line_and_what_to_do_instead() {
    complains(
        "import subprocess\n\nasync def main():\n    subprocess.run(['ls'])\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    subprocess.run(['ls'])
    ~~~~~~~~~~~~~~^^^^^^^^
  File "/python/subprocess.py", line 554, in run
  File "/python/subprocess.py", line 827, in __init__
OSError: [Errno 58] wasi does not support processes.
error: the inferlet returned an error: `main.py`, line 4: OSError: [Errno 58] wasi does not support processes; an inferlet starts no processes: `launch` starts other inferlets, and `mcp` calls tools outside

"#]],
    );
    complains(
        "import os\n\nasync def main():\n    os.system('ls')\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    os.system('ls')
    ^^^^^^^^^
AttributeError: module 'os' has no attribute 'system'
error: the inferlet returned an error: `main.py`, line 4: AttributeError: module 'os' has no attribute 'system'; an inferlet starts no processes: `launch` starts other inferlets, and `mcp` calls tools outside

"#]],
    );
    complains(
        "import asyncio\n\nasync def main():\n    await asyncio.create_subprocess_exec('ls')\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    await asyncio.create_subprocess_exec('ls')
  File "/python/asyncio/subprocess.py", line 224, in create_subprocess_exec
  File "/1/inferlet/loop.py", line [..], in subprocess_exec
inferlet.absent.AbsentError: an inferlet starts no processes: `launch` starts other inferlets, and `mcp` calls tools outside
error: the inferlet returned an error: `main.py`, line 4: an inferlet starts no processes: `launch` starts other inferlets, and `mcp` calls tools outside

"#]],
    );
    complains(
        "import multiprocessing\n\nasync def main():\n    multiprocessing.Process(target=print).start()\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    multiprocessing.Process(target=print).start()
    ~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~^^
  File "/python/multiprocessing/process.py", line 121, in start
  File "/python/multiprocessing/context.py", line 224, in _Popen
  File "/python/multiprocessing/context.py", line 287, in _Popen
ModuleNotFoundError: No module named 'multiprocessing.popen_spawn_posix'
error: the inferlet returned an error: `main.py`, line 4: ModuleNotFoundError: No module named 'multiprocessing.popen_spawn_posix'; an inferlet starts no processes: `launch` starts other inferlets, and `mcp` calls tools outside

"#]],
    );
}

#[test]
fn who_asks_for_what_needs_an_operating_system_gets_the_line_and_why_it_is_not_there() {
    complains(
        "import signal\n\nasync def main():\n    signal.alarm(1)\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 4, in main
    signal.alarm(1)
    ^^^^^^^^^^^^
AttributeError: module 'signal' has no attribute 'alarm'
error: the inferlet returned an error: `main.py`, line 4: AttributeError: module 'signal' has no attribute 'alarm'; an inferlet gets no signals: `asyncio.timeout` ends what takes too long

"#]],
    );
    complains(
        "import sqlite3\n\nasync def main(): ...\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 1, in <module>
    import sqlite3
ModuleNotFoundError: No module named 'sqlite3'
error: the inferlet returned an error: `main.py`, line 1: ModuleNotFoundError: No module named 'sqlite3'; `sqlite3` is a part of Python's library that an inferlet does not have: most of these are compiled code or ask for an operating system

"#]],
    );
    complains(
        "import no_such_thing\n\nasync def main(): ...\n",
        str![[r#"
Traceback (most recent call last):
  File "main.py", line 1, in <module>
    import no_such_thing
ModuleNotFoundError: No module named 'no_such_thing'
error: the inferlet returned an error: `main.py`, line 1: ModuleNotFoundError: No module named 'no_such_thing'; what a program imports is in its folder, in Python's library, or among the `dependencies` of `pyproject.toml`; `no_such_thing` is in none of these

"#]],
    );
}
