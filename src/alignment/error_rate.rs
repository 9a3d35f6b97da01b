//! Alignment error rate (Och and Ney 2003, "A Systematic Comparison of Various
//! Statistical Alignment Models").

use std::collections::BTreeSet;

/// The links of one sentence as people see them, by the numbers of the words
/// from 0.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GoldLinks {
    /// Links that must be there.
    pub sure: BTreeSet<(usize, usize)>,
    /// Links that may be there, the sure ones among them.
    pub possible: BTreeSet<(usize, usize)>,
}

impl GoldLinks {
    /// Reads `0-0 1-2 2p3`: `-` for sure links, `p` or `?` for possible ones, as
    /// in Pharaoh's format and the gold of `SimAlign` and `AStar`.
    ///
    /// # Errors
    ///
    /// What is no link.
    pub fn parse(line: &str) -> Result<Self, String> {
        let mut links = Self::default();
        for text in line.split_whitespace() {
            let link = text.split_once(['-', 'p', '?']);
            let numbers = link.and_then(|(i, j)| i.parse().ok().zip(j.parse().ok()));
            let link = numbers.ok_or_else(|| format!("has `{text}`, which is no link i-j"))?;
            links.possible.insert(link);
            if text.contains('-') {
                links.sure.insert(link);
            }
        }
        Ok(links)
    }

    /// Leaves out links to words that the sentences do not have; says how many.
    pub fn clip(&mut self, source_words: usize, target_words: usize) -> usize {
        let before = self.possible.len();
        let inside = |link: &(usize, usize)| link.0 < source_words && link.1 < target_words;
        self.sure.retain(inside);
        self.possible.retain(inside);
        before - self.possible.len()
    }
}

/// Counts over sentences, from which the rates come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ErrorRate {
    links: usize,
    sure: usize,
    links_in_sure: usize,
    links_in_possible: usize,
}

impl ErrorRate {
    /// Counts a sentence.
    pub fn add(&mut self, links: &BTreeSet<(usize, usize)>, gold: &GoldLinks) {
        self.links += links.len();
        self.sure += gold.sure.len();
        self.links_in_sure += links.intersection(&gold.sure).count();
        self.links_in_possible += links.intersection(&gold.possible).count();
    }

    /// The counts of other sentences as well.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self {
            links: self.links + other.links,
            sure: self.sure + other.sure,
            links_in_sure: self.links_in_sure + other.links_in_sure,
            links_in_possible: self.links_in_possible + other.links_in_possible,
        }
    }

    /// `1 - (|A ∩ S| + |A ∩ P|) / (|A| + |S|)`; 0 is best.
    #[must_use]
    pub fn aer(&self) -> f64 {
        1.0 - ratio(
            self.links_in_sure + self.links_in_possible,
            self.links + self.sure,
        )
    }

    /// `|A ∩ P| / |A|`.
    #[must_use]
    pub fn precision(&self) -> f64 {
        ratio(self.links_in_possible, self.links)
    }

    /// `|A ∩ S| / |S|`.
    #[must_use]
    pub fn recall(&self) -> f64 {
        ratio(self.links_in_sure, self.sure)
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rates_are_those_of_the_definition() {
        // A = {0-0, 1-1, 2-2, 5-5}, S = {0-0, 1-1, 3-3}, P = S + {2-2}.
        let mut gold = GoldLinks::parse("0-0 1-1\t3-3 2p2 9-0").unwrap();
        assert_eq!(gold.clip(6, 6), 1);
        let mut rate = ErrorRate::default();
        rate.add(&BTreeSet::from([(0, 0), (1, 1), (2, 2), (5, 5)]), &gold);
        assert!((rate.aer() - (1.0 - 5.0 / 7.0)).abs() < 1e-12);
        assert!((rate.precision() - 3.0 / 4.0).abs() < 1e-12);
        assert!((rate.recall() - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_is_no_link_is_named() {
        for text in ["0-0 1", "a-b", "1-", "-", "0-0-0"] {
            let error = GoldLinks::parse(text).unwrap_err();
            assert!(error.contains("no link"), "{error}");
        }
    }
}
