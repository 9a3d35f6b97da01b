//! The strings that make scores reproducible.

use std::fmt::{Display, Write};

/// The version of sacreBLEU whose scores and signatures these are.
pub const SACREBLEU_VERSION: &str = "2.6.0";

/// Options of a score, as `key:value` pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    /// Long name, short name, value.
    fields: Vec<(&'static str, &'static str, String)>,
}

impl Signature {
    /// Adds a field.
    #[must_use]
    pub fn with(
        mut self,
        name: &'static str,
        short_name: &'static str,
        value: impl Display,
    ) -> Self {
        self.fields.push((name, short_name, format!("{value}")));
        self
    }

    /// Adds `yes` or `no`.
    #[must_use]
    pub fn with_flag(self, name: &'static str, short_name: &'static str, value: bool) -> Self {
        self.with(name, short_name, if value { "yes" } else { "no" })
    }

    /// Adds the fields of another signature.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.fields.extend(other.fields);
        self
    }

    /// `key:value|key:value|version:2.6.0`, with one- or two-letter keys if
    /// `short`.
    #[must_use]
    pub fn format(&self, short: bool) -> String {
        let mut text = String::new();
        for (name, short_name, value) in &self.fields {
            let name = if short { short_name } else { name };
            let _ = write!(text, "{name}:{value}|");
        }
        let name = if short { "v" } else { "version" };
        text + name + ":" + SACREBLEU_VERSION
    }
}
