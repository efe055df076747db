//! What an edit of catalogs keeps of the state of a lane.

use std::fmt;

use tillwatch_feature_extraction::{Edited, Rebuilt};
use tillwatch_records::units::DurationMs;

/// What becomes of the state of a stage that was cut under another catalog. In words for people: which
/// features go on as they are, and which are flagged until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditedStage {
    /// Name of the stage.
    pub stage: String,
    /// Which features lack nothing, and which do.
    pub edited: Edited,
}

impl EditedStage {
    /// Whether some feature lacks something of the past.
    pub fn is_anything_new(&self) -> bool {
        !self.edited.rebuilt.is_empty()
    }
}

impl fmt::Display for EditedStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Edited { kept, rebuilt } = &self.edited;
        write!(f, "stage {}", self.stage)?;
        if !kept.is_empty() {
            write!(f, " keeps {}", kept.join(", "))?;
        }
        if !(kept.is_empty() || rebuilt.is_empty()) {
            f.write_str(", and")?;
        }
        if !rebuilt.is_empty() {
            let rebuilt: Vec<String> = rebuilt.iter().map(words).collect();
            write!(f, " rebuilds {}", rebuilt.join(", "))?;
        }
        Ok(())
    }
}

/// A feature and when it is whole.
fn words(rebuilt: &Rebuilt) -> String {
    let Rebuilt {
        feature,
        window_ms,
        is_memory_new,
    } = rebuilt;
    let window = window_ms.map(|ms| match ms > 0 {
        true => format!("whole after {}", DurationMs::from_ms(ms)),
        false => "whole but for late records".to_owned(),
    });
    let memory = is_memory_new.then(|| "its memory begins anew".to_owned());
    let both: Vec<String> = window.into_iter().chain(memory).collect();
    format!("{feature} ({})", both.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_kept_and_what_is_rebuilt() {
        let rebuilt = |feature: &str, window_ms, is_memory_new| Rebuilt {
            feature: feature.to_owned(),
            window_ms,
            is_memory_new,
        };
        let mut stage = EditedStage {
            stage: "card".to_owned(),
            edited: Edited {
                kept: vec!["a".to_owned(), "b".to_owned()],
                rebuilt: vec![
                    rebuilt("c", Some(604_800_000), false),
                    rebuilt("d", None, true),
                    rebuilt("e", Some(-5), true),
                ],
            },
        };
        assert_eq!(
            stage.to_string(),
            "stage card keeps a, b, and rebuilds c (whole after 7d), d (its memory begins anew), \
             e (whole but for late records, its memory begins anew)"
        );
        stage.edited.rebuilt.clear();
        assert_eq!(stage.to_string(), "stage card keeps a, b");
        assert!(!stage.is_anything_new());
    }
}
