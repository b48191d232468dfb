//! Templates whose values are escaped for the very place where they stand.
//!
//! The literal part of a template is the programmer's and is read once, by the rules of the platform that shows it; each
//! value is then written for its place: text, attribute, link, code, script. A place where no escape is sure, such as an
//! unquoted attribute or the host of a link, is a [`Flaw`]. Reading and writing are linear.
//! Sources: WHATWG HTML §13.2.5 and URL §4.4; ECMA-262 §12; CSS Syntax 3 §4; Telegram Bot API "Formatting options";
//! Discord "Message Formatting"; Slack "Formatting message text"; Matrix v1.18 §11.2.1.

mod chat;
mod fields;
mod hole;
mod html;
mod link;
mod literal;
mod script;
mod tags;
mod telegram;

pub use fields::{Field, Fields};
pub use hole::{Hole, Unfit};
pub use literal::Flaw;

use literal::Literal;

/// Who shows what is rendered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Platform {
    /// A browser, or mail as HTML.
    Html,
    /// Telegram with `parse_mode: "HTML"`.
    Telegram,
    /// Telegram with `parse_mode: "MarkdownV2"`.
    TelegramMarkdown,
    /// Discord's markdown.
    Discord,
    /// Slack's mrkdwn.
    Slack,
    /// Matrix, `format: "org.matrix.custom.html"`.
    Matrix,
    /// A terminal.
    Terminal,
}

impl Platform {
    /// Every platform.
    pub const ALL: [Self; 7] =
        [Self::Html, Self::Telegram, Self::TelegramMarkdown, Self::Discord, Self::Slack, Self::Matrix, Self::Terminal];

    /// The name, as in `botsec.render`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Telegram => "telegram",
            Self::TelegramMarkdown => "telegram_markdown",
            Self::Discord => "discord",
            Self::Slack => "slack",
            Self::Matrix => "matrix",
            Self::Terminal => "terminal",
        }
    }

    /// The platform of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|platform| platform.name() == name)
    }
}

/// A template that was read: its literal parts, and the place of each hole between them.
#[derive(Debug)]
pub struct Plan {
    parts: Vec<String>,
    holes: Vec<Hole>,
}

impl Plan {
    /// Reads the literal `parts`; a hole stands between each two of them.
    ///
    /// # Errors
    /// [`Flaw`] when the literal ends inside a tag, code or link, or a hole stands where no escape is sure.
    pub fn read<'a>(platform: Platform, parts: impl IntoIterator<Item = &'a str>) -> Result<Self, Flaw> {
        let parts: Vec<String> = parts.into_iter().map(str::to_owned).collect();
        let literal = Literal::new(&parts);
        let holes = match platform {
            Platform::Html | Platform::Telegram | Platform::Matrix => html::read(&literal, platform),
            Platform::TelegramMarkdown => telegram::read(&literal),
            Platform::Discord => chat::read_discord(&literal),
            Platform::Slack => chat::read_slack(&literal),
            Platform::Terminal => chat::read_terminal(&literal),
        }?;
        Ok(Self { parts, holes })
    }

    /// The places of the holes, in order.
    pub fn holes(&self) -> &[Hole] {
        &self.holes
    }

    /// The literal parts: one more than holes.
    pub fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Writes the parts, and between them whatever `fill` writes for the hole of that index.
    ///
    /// # Errors
    /// The first error of `fill`.
    pub fn write<E>(&self, mut fill: impl FnMut(usize, &Hole, &mut String) -> Result<(), E>) -> Result<String, E> {
        let mut out = String::with_capacity(self.parts.iter().map(String::len).sum::<usize>() * 2);
        let mut holes = self.holes.iter().enumerate();
        for part in &self.parts {
            out.push_str(part);
            if let Some((index, hole)) = holes.next() {
                fill(index, hole, &mut out)?;
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod link_tests;
#[cfg(test)]
mod tests;
