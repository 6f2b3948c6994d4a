//! Round numbers along an axis.

/// Ticks on an axis, about so many.
const TICKS: f64 = 5.0;

/// From 0 up to the first round number that is not below `highest`, in round steps.
pub(super) fn round(highest: f64) -> Vec<f64> {
    if highest <= 0.0 || !highest.is_finite() {
        return vec![0.0, 1.0];
    }
    let rough = highest / TICKS;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
    let step = step.into_iter().find(|step| *step >= rough * (1.0 - 1e-9)).unwrap_or(rough);
    let mut ticks = vec![0.0];
    let mut count = 0_u32;
    while ticks.last().is_some_and(|last| *last < highest * (1.0 - 1e-9)) {
        count += 1;
        ticks.push(f64::from(count) * step);
    }
    ticks
}

/// A tick in as few digits as tell it apart.
pub(super) fn label(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_reach_the_highest() {
        assert_eq!(round(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(round(0.0), [0.0, 1.0]);
        for highest in [0.013, 1.0, 7.3, 99.0, 101.0, 123_456.0] {
            let ticks = round(highest);
            let last = ticks[ticks.len() - 1];
            assert!(last >= highest * 0.999 && last < highest * 1.5, "{highest}: {ticks:?}");
            assert!((4..=8).contains(&ticks.len()), "{highest}: {ticks:?}");
        }
    }

    #[test]
    fn labels_have_no_needless_digits() {
        assert_eq!([0.0, 0.25, 2.0, 1_500.0].map(label), ["0", "0.25", "2", "1500"]);
    }
}
