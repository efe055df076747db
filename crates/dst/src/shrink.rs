//! Shortens runs that failed (delta debugging: Zeller and Hildebrandt, 2002).

/// As few of `steps` as are found with which it still `fails`, while there is `time`.
pub(crate) fn shrink(
    mut steps: Vec<usize>,
    mut fails: impl FnMut(&[usize]) -> bool,
    time: impl Fn() -> bool,
) -> Vec<usize> {
    let mut piece = steps.len().div_ceil(2);
    while piece > 0 && time() {
        let mut at = 0;
        let mut is_shorter = false;
        while at < steps.len() && time() {
            let mut fewer = steps.clone();
            fewer.drain(at..steps.len().min(at + piece));
            if fails(&fewer) {
                steps = fewer;
                is_shorter = true;
            } else {
                at += piece;
            }
        }
        if !(is_shorter && piece == 1) {
            piece /= 2;
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_left() {
        let needs = |needed: &'static [usize]| {
            move |steps: &[usize]| needed.iter().all(|step| steps.contains(step))
        };
        let all: Vec<usize> = (0..100).collect();
        assert_eq!(
            shrink(all.clone(), needs(&[3, 50, 51, 99]), || true),
            [3, 50, 51, 99]
        );
        assert!(shrink(all.clone(), needs(&[]), || true).is_empty());
        assert_eq!(shrink(all.clone(), needs(&[7]), || false), all);
    }
}
