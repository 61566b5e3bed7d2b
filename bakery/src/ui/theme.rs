//! The few styles there are, by what they mean.

use anstyle::{AnsiColor, Style};

/// Styles by meaning. Without colour every style is empty, so text is formatted the same way in both cases:
/// `format!("{bold}text{bold:#}")`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Theme {
    /// Whether any of the styles does something.
    pub colour: bool,
    /// The word `error`.
    pub error: Style,
    /// The word `warning`.
    pub warning: Style,
    /// Verbs of status lines, and what went well.
    pub good: Style,
    /// Hints and what can be typed.
    pub hint: Style,
    /// Names of things: contexts, passes, instances.
    pub name: Style,
    /// What matters less.
    pub dim: Style,
    /// What matters more.
    pub strong: Style,
}

impl Theme {
    /// Styles with or without colour.
    pub fn new(colour: bool) -> Theme {
        if !colour {
            return Theme::default();
        }
        let foreground = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        Theme {
            colour,
            error: foreground(AnsiColor::BrightRed).bold(),
            warning: foreground(AnsiColor::BrightYellow).bold(),
            good: foreground(AnsiColor::BrightGreen).bold(),
            hint: foreground(AnsiColor::BrightCyan).bold(),
            name: foreground(AnsiColor::Cyan),
            dim: Style::new().dimmed(),
            strong: Style::new().bold(),
        }
    }
}
