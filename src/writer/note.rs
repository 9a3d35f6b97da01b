//! Flags in words, for people who read a translation.

use crate::translation::{Flag, Translation};

/// What a reader should know of a translation.
pub(super) struct Note {
    /// The flag, as the records name it.
    pub(super) label: &'static str,
    /// What it means, in English.
    pub(super) reason: &'static str,
    /// Whether someone should look at the sentence, or it only says how it was
    /// translated.
    pub(super) is_problem: bool,
}

/// The notes of a translation, in the order of its flags.
pub(super) fn notes(translation: &Translation) -> Vec<Note> {
    translation.flags.iter().copied().map(note).collect()
}

/// Whether someone should look at the sentence.
pub(super) fn needs_a_look(translation: &Translation) -> bool {
    notes(translation).iter().any(|note| note.is_problem)
}

fn note(flag: Flag) -> Note {
    let (label, reason) = match flag {
        Flag::Copied => ("copied", "nothing to translate"),
        Flag::Split => ("split", "translated in parts"),
        Flag::Limit => ("limit", "the translation may be cut off"),
        Flag::Verbatim => (
            "verbatim",
            "an address, a number with its unit or the like is missing",
        ),
        Flag::Empty => ("empty", "no translation"),
    };
    Note {
        label,
        reason,
        is_problem: !matches!(flag, Flag::Copied | Flag::Split),
    }
}
