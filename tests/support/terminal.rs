//! A terminal with `bakery` on it, and somebody who types.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use pty_process::blocking::{Command, Pty};
use snapbox::{Assert, IntoData, assert_data_eq};
use vt100::{Parser, Screen};

/// Ctrl-C, as a terminal sends it.
pub const CTRL_C: &str = "\x03";
/// Ctrl-D.
pub const CTRL_D: &str = "\x04";
/// The arrow that goes down.
pub const DOWN: &str = "\x1b[B";
/// The key that ends a line.
pub const ENTER: &str = "\r";

/// Rows of every terminal: more than anything here prints, so that nothing scrolls away.
const ROWS: NonZero<u16> = NonZero::new(100).unwrap();

/// Columns of a terminal that nobody made narrower.
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// How long the slowest machine may take to show or end something. A test that passes does not wait for it.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs a program as an interactive shell does: Ctrl-C reaches the program and not the shell, which tells the exit code and keeps the terminal open,
/// because a terminal whose shell ends may drop what was not read yet.
const SHELL: &str = r#"trap : INT; "$0" "$@"; printf '\001%s\001' $?; read -r _ </dev/tty"#;

/// The same, with a standard input that is empty.
const SHELL_WITHOUT_STDIN: &str =
    r#"trap : INT; "$0" "$@" </dev/null; printf '\001%s\001' $?; read -r _ </dev/tty"#;

/// Stands before and after the exit code. It is not shown.
const MARK: u8 = b'\x01';

/// A program on a terminal.
pub struct Terminal {
    keyboard: Arc<Pty>,
    shell: Child,
    /// What the program writes.
    output: Receiver<Vec<u8>>,
    parser: Parser,
    /// Everything that was written.
    raw: Vec<u8>,
}

/// How to start a program on a terminal.
pub struct Start {
    shell: &'static str,
    program: PathBuf,
    arguments: Vec<String>,
    variables: Vec<(OsString, OsString)>,
    folder: PathBuf,
    columns: NonZero<u16>,
}

/// What is left when the program has ended.
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// What the terminal shows.
    pub screen: Screen,
    /// Everything that was written to it.
    pub raw: String,
}

impl Start {
    /// A program with no variables but `TERM`.
    pub fn new(program: &Path, folder: &Path) -> Start {
        Start {
            shell: SHELL,
            program: program.to_owned(),
            arguments: Vec::new(),
            variables: vec![("TERM".into(), "xterm-256color".into())],
            folder: folder.to_owned(),
            columns: COLUMNS,
        }
    }

    pub fn args(mut self, arguments: &[&str]) -> Start {
        self.arguments.extend(arguments.iter().copied().map(str::to_owned));
        self
    }

    pub fn envs(mut self, variables: impl IntoIterator<Item = (&'static str, impl Into<OsString>)>) -> Start {
        self.variables.extend(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// The width; 100 unless this says otherwise.
    pub fn columns(mut self, columns: u16) -> Start {
        self.columns = NonZero::new(columns).expect("a terminal has columns");
        self
    }

    /// Standard input is empty and no terminal; the outputs stay on it.
    pub fn without_stdin(mut self) -> Start {
        self.shell = SHELL_WITHOUT_STDIN;
        self
    }

    /// Starts it.
    pub fn start(self) -> Terminal {
        let (pty, pts) = pty_process::blocking::open().expect("the machine has terminals");
        let size = pty_process::Size::new(ROWS.get(), self.columns.get());
        pty.resize(size).expect("a new terminal takes a size");
        let shell = Command::new("/bin/sh").args(["-c", self.shell]).arg(&self.program).args(&self.arguments);
        let shell = shell.env_clear().envs(self.variables).current_dir(&self.folder);
        let shell = shell.spawn(pts).expect("there is a shell");
        let keyboard = Arc::new(pty);
        let output = read(keyboard.clone());
        Terminal { keyboard, shell, output, parser: Parser::new(ROWS, self.columns, 0), raw: Vec::new() }
    }

    /// Starts it and waits for its end.
    pub fn run(self) -> Ended {
        self.start().end()
    }
}

impl Terminal {
    /// Types keys.
    pub fn press(&mut self, keys: &str) {
        (&*self.keyboard).write_all(keys.as_bytes()).expect("the program still reads");
    }

    /// Waits until the screen shows a text.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.parser.screen().contents().contains(text) {
            assert!(self.show_more(deadline), "`{text}` does not come:\n{}", self.parser.screen().contents());
        }
    }

    /// Waits until the screen shows a text and the program waits for a key. Keys that are pressed before would be shown twice, by the terminal and by
    /// the program, and Ctrl-C would be a signal. What the program writes after the text may not have arrived yet.
    #[track_caller]
    pub fn wait_for_question(&mut self, text: &str) {
        self.wait_for(text);
        let deadline = Instant::now() + PATIENCE;
        while self.reads_lines() {
            assert!(Instant::now() < deadline, "no key is waited for:\n{}", self.parser.screen().contents());
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether the terminal hands over lines when they are complete, and not keys.
    fn reads_lines(&self) -> bool {
        let modes = rustix::termios::tcgetattr(&*self.keyboard).expect("it is a terminal").local_modes;
        modes.contains(rustix::termios::LocalModes::ICANON)
    }

    /// Waits until the screen shows exactly this: what a program draws arrives in pieces.
    #[track_caller]
    pub fn assert_shows(&mut self, expected: impl IntoData) {
        let expected = expected.into_data();
        let deadline = Instant::now() + PATIENCE;
        let shows = |terminal: &Terminal| {
            Assert::new().try_eq(None, text(terminal.parser.screen()).into_data(), expected.clone()).is_ok()
        };
        while !shows(self) && self.show_more(deadline) {}
        assert_data_eq!(text(self.parser.screen()), expected);
    }

    /// Waits until the program has ended and everything it wrote is on the screen.
    #[track_caller]
    pub fn end(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let [raw, code, []] = &*self.raw.split(|byte| *byte == MARK).collect::<Vec<_>>() {
                let [raw, code] = [raw, code].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
                let code = code.parse().expect("the shell prints a number");
                return Ended { code, screen: self.parser.screen().clone(), raw };
            }
            assert!(self.show_more(deadline), "it does not end:\n{}", self.parser.screen().contents());
        }
    }

    /// Shows the next piece of output. False when there is none.
    fn show_more(&mut self, deadline: Instant) -> bool {
        match self.output.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(bytes) => {
                if !self.raw.contains(&MARK) {
                    self.parser.process(bytes.split(|byte| *byte == MARK).next().unwrap_or_default());
                }
                self.raw.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => false,
        }
    }
}

/// What is written to a terminal, until it is gone.
fn read(screen: Arc<Pty>) -> Receiver<Vec<u8>> {
    let (written, output) = mpsc::channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        // Linux reports the end as an error.
        while let Ok(count @ 1..) = (&*screen).read(&mut buffer) {
            if written.send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    output
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // With the shell the terminal goes, and with the terminal all that is left on it.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

impl Ended {
    /// The lines on the screen, without empty ones at the end.
    pub fn text(&self) -> String {
        text(&self.screen)
    }
}

/// The lines of a screen, without what cargo says when another one is at work on the machine.
fn text(screen: &Screen) -> String {
    let contents = screen.contents();
    let lines = contents.lines().filter(|line| !line.contains("Blocking waiting for file lock"));
    lines.collect::<Vec<_>>().join("\n")
}
