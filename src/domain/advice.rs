//! What should have been bought: the numbers of concurrent and contingency licences that would have
//! served a range of months, and what each mix of the two would have cost.
//!
//! A concurrent licence is paid for in every month, a contingency licence in each month in which it is
//! used (SPEC §7, Billing month). So a mix is what is bought throughout, and what comes on top in the
//! months that need more.

use rust_decimal::Decimal;

/// So many licences of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Paid for in every month.
    pub concurrent: u32,
    /// Paid for where they are used.
    pub contingency: u32,
}

/// What one licence costs in a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prices {
    /// Of a concurrent one.
    pub concurrent: Decimal,
    /// Of a contingency one.
    pub contingency: Decimal,
}

/// A mix, and what it would have cost over all the months.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The numbers.
    pub mix: Mix,
    /// `None` where the sum is beyond what can be counted exactly.
    pub cost: Option<Decimal>,
}

/// The mix without knowing prices: what every month needs is concurrent, for it costs the same either way;
/// the rest of the highest peak is contingency. `peaks` has the demand of each month.
pub fn without_prices(peaks: &[u32], has_contingency: bool) -> Mix {
    let highest = peaks.iter().copied().max().unwrap_or(0);
    let least = peaks.iter().copied().min().unwrap_or(0);
    let concurrent = if has_contingency { least } else { highest };
    Mix { concurrent, contingency: highest - concurrent }
}

/// The mixes among which the cheapest is, the fewest concurrent licences first.
///
/// What a mix costs is a straight line of its concurrent licences between one month's peak and the next
/// higher one, so that no number in between is cheaper than both of them. A type without contingency
/// leaves no choice.
pub fn candidates(peaks: &[u32], has_contingency: bool, prices: Prices) -> Vec<Candidate> {
    let highest = peaks.iter().copied().max().unwrap_or(0);
    let mut numbers = if has_contingency { peaks.to_vec() } else { vec![] };
    numbers.push(if has_contingency { 0 } else { highest });
    numbers.sort_unstable();
    numbers.dedup();
    let candidate = |concurrent| {
        let mix = Mix { concurrent, contingency: highest - concurrent };
        Candidate { mix, cost: cost(peaks, mix, prices) }
    };
    numbers.into_iter().map(candidate).collect()
}

/// The cheapest; of several, the one with most concurrent licences, which depends on nobody's overflow.
pub fn cheapest(candidates: &[Candidate]) -> Option<Candidate> {
    let priced = candidates.iter().filter_map(|candidate| Some((candidate.cost?, candidate)));
    let best = priced.min_by_key(|(cost, candidate)| (*cost, u32::MAX - candidate.mix.concurrent));
    best.map(|(_, candidate)| *candidate)
}

/// What a mix would have cost: the concurrent licences in every month, and in each month the contingency
/// licences that its peak needs, as far as there are any. `None` beyond what can be counted exactly.
pub fn cost(peaks: &[u32], mix: Mix, prices: Prices) -> Option<Decimal> {
    let over = |peak: &u32| u64::from(peak.saturating_sub(mix.concurrent).min(mix.contingency));
    let used: u64 = peaks.iter().map(over).sum();
    let months = u64::try_from(peaks.len()).ok()?;
    let bought = months.checked_mul(u64::from(mix.concurrent))?;
    let concurrent = prices.concurrent.checked_mul(Decimal::from(bought))?;
    concurrent.checked_add(prices.contingency.checked_mul(Decimal::from(used))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn prices(concurrent: u32, contingency: u32) -> Prices {
        Prices {
            concurrent: Decimal::new(concurrent.into(), 2),
            contingency: Decimal::new(contingency.into(), 2),
        }
    }

    #[test]
    fn what_every_month_needs_is_concurrent_and_the_rest_contingency() {
        let mix = without_prices(&[50, 80, 60], true);
        assert_eq!(mix, Mix { concurrent: 50, contingency: 30 });
        assert_eq!(without_prices(&[], true), Mix { concurrent: 0, contingency: 0 });
    }

    #[test]
    fn a_type_without_contingency_needs_its_highest_peak() {
        let expected = Mix { concurrent: 80, contingency: 0 };
        assert_eq!(without_prices(&[50, 80], false), expected);
        let only = candidates(&[50, 80], false, prices(100, 1));
        assert_eq!(only, [Candidate { mix: expected, cost: Some(Decimal::from(160)) }]);
    }

    #[test]
    fn the_calculation_of_a_year_can_be_followed_by_hand() {
        // Ten quiet months of 100, two of 180. Contingency at 15.00 beside concurrent at 10.00.
        let mut peaks = [100; 12];
        peaks[3] = 180;
        peaks[10] = 180;
        let all = candidates(&peaks, true, prices(1_000, 1_500));
        let costs: Vec<_> = all.iter().map(|one| (one.mix.concurrent, one.cost)).collect();
        let expected = [(0, 20_400), (100, 14_400), (180, 21_600)];
        assert_eq!(costs, expected.map(|(number, cost)| (number, Some(Decimal::from(cost)))));
        assert_eq!(cheapest(&all), Some(all[1]));
        // 12 × 100 × 10.00, and 2 × 20 × 15.00: the other 60 of each peak went unserved.
        let bought = Mix { concurrent: 100, contingency: 20 };
        assert_eq!(cost(&peaks, bought, prices(1_000, 1_500)), Some(Decimal::from(12_600)));
    }

    #[test]
    fn at_one_price_the_cheapest_is_what_is_advised_without_any() {
        let peaks = [7, 3, 9];
        let best = cheapest(&candidates(&peaks, true, prices(250, 250))).expect("priced");
        assert_eq!(best.mix, without_prices(&peaks, true));
    }

    #[test]
    fn sums_beyond_what_can_be_counted_are_left_out() {
        let prices = Prices { concurrent: Decimal::MAX, contingency: Decimal::ONE };
        let all = candidates(&[0, 5], true, prices);
        assert_eq!((all[0].cost, all[1].cost), (Some(Decimal::from(5)), None));
        assert_eq!(cheapest(&all), Some(all[0]));
    }

    proptest! {
        #[test]
        fn no_number_that_serves_all_is_cheaper(
            peaks in proptest::collection::vec(0_u32..40, 1..8),
            concurrent in 0_u32..500,
            contingency in 0_u32..500,
        ) {
            let prices = prices(concurrent, contingency);
            let best = cheapest(&candidates(&peaks, true, prices)).and_then(|best| best.cost);
            let highest = *peaks.iter().max().expect("a month");
            // Every number of concurrent licences, month by month.
            let cheapest = (0..=highest).map(|number| {
                let months = peaks.iter().map(|peak| {
                    prices.concurrent * Decimal::from(number)
                        + prices.contingency * Decimal::from(peak.saturating_sub(number))
                });
                months.sum::<Decimal>()
            });
            prop_assert_eq!(best, cheapest.min());
        }
    }
}
