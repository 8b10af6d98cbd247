//! What every paged query has in common.

use crate::error::ContractError;
use crate::time::is_time;
use fabric_contract_rs::TimestampMs;

/// Checks that two times are times, in their order.
pub(crate) fn check_window(from: TimestampMs, until: TimestampMs) -> Result<(), ContractError> {
    if is_time(from) && is_time(until) && from < until {
        Ok(())
    } else {
        Err(ContractError::ArgumentInvalid("`from` lies before `until`"))
    }
}

/// How much a page holds: what is asked for, `max` unless given; `reason` names the bounds.
pub(crate) fn limit(
    asked: Option<u16>,
    max: u16,
    reason: &'static str,
) -> Result<usize, ContractError> {
    let limit = asked.unwrap_or(max);
    if (1..=max).contains(&limit) {
        Ok(usize::from(limit))
    } else {
        Err(ContractError::ArgumentInvalid(reason))
    }
}

/// How much to scan for a page: one more tells whether there is another page.
pub(crate) fn to_scan(limit: usize) -> usize {
    limit.saturating_add(1)
}

/// Leaves what the page holds of what was [scanned](to_scan), and tells whether there is more.
pub(crate) fn cut<T>(found: &mut Vec<T>, limit: usize) -> bool {
    let more = found.len() > limit;
    found.truncate(limit);
    more
}
