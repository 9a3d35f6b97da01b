//! Shapes of the numbers that stand before a full stop.

/// The shape of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    /// One or two digits: an ordinal, a list number, or the end of a sentence.
    Small,
    /// Three digits: an amount, rarely an ordinal.
    Hundreds,
    /// Four digits without a separator.
    Year,
    /// `10.000`
    Thousands,
    /// `3.10`
    DayMonth,
    /// `3.1.2`, `17.3`: a section.
    Section,
    /// `12.03.2023`
    Date,
    /// `4-3`: a result, or ordinals without their first full stop.
    Range,
    /// Decimals, ratios, long numbers.
    Other,
}

impl Number {
    /// The number at the end of `token`.
    pub(super) fn read(token: &str) -> Option<Self> {
        if !token.ends_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let from = token
            .rfind(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | ',' | ':' | '/'))
            .map_or(0, |at| {
                at + token[at..].chars().next().map_or(0, char::len_utf8)
            });
        if token[..from].ends_with(char::is_alphanumeric) {
            return None;
        }
        let digits = &token[from..];
        // "16./17. März", "2.-4. Klasse"
        if token[..from].ends_with(".-") || token[..from].ends_with(".–") || digits.contains("./")
        {
            return Some(Self::Small);
        }
        if token[..from]
            .strip_suffix(['-', '–', '&', '+', '×'])
            .is_some_and(|first| first.ends_with(|c: char| c.is_ascii_digit()))
        {
            return Some(Self::Range);
        }
        if token[..from].ends_with(['$', '€', '£', '¥', '%', '+', '=', '#', '−'])
            || digits.contains([',', ':', '/'])
        {
            return Some(Self::Other);
        }
        let mut parts = digits.split('.');
        Some(
            match (parts.next(), parts.next(), parts.next(), parts.next()) {
                (Some(number), None, ..) => match number.len() {
                    1..=2 => Self::Small,
                    3 => Self::Hundreds,
                    4 => Self::Year,
                    _ => Self::Other,
                },
                (Some(day), Some(month), None, _) if below(day, 31) && below(month, 12) => {
                    Self::DayMonth
                }
                (Some(day), Some(month), Some(year), None)
                    if below(day, 31) && below(month, 12) && matches!(year.len(), 2 | 4) =>
                {
                    Self::Date
                }
                (_, Some(thousands), ..) if thousands.len() == 3 => Self::Thousands,
                _ => Self::Section,
            },
        )
    }

    /// Whether it may number an item, a paragraph or a section.
    pub(super) fn may_be_list_number(self) -> bool {
        matches!(
            self,
            Self::Small | Self::Hundreds | Self::DayMonth | Self::Section
        )
    }
}

fn below(digits: &str, limit: u32) -> bool {
    digits
        .parse::<u32>()
        .is_ok_and(|number| (1..=limit).contains(&number))
}

/// Whether `token` is a Roman numeral below forty; higher ones are rare, and look like words.
pub(super) fn is_roman(token: &str) -> bool {
    !token.is_empty() && token.len() < 8 && token.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'))
}
