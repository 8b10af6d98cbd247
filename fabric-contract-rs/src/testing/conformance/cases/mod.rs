//! The cases. Each stands for one thing a contract may rely on.

mod calls;
mod keys;
mod policies;
mod private;
mod ranges;
mod validation;
mod values;

use super::backend::Backend;
use super::scene::{CaseError, Scene};

macro_rules! cases {
    ($($module:ident { $($case:ident)* })*) => {
        /// The names of all cases, in the order they run.
        pub const CASES: &[&str] = &[$($(stringify!($case)),*),*];

        /// Runs one case by its name.
        ///
        /// # Errors
        /// [`CaseError`]; for an unknown name too.
        pub async fn run_case<B: Backend>(
            backend: &mut B,
            run_id: &str,
            name: &str,
        ) -> Result<(), CaseError> {
            let mut scene = Scene::new(backend, run_id, name);
            match name {
                $($(stringify!($case) => $module::$case(&mut scene).await,)*)*
                _ => Err(CaseError::Diverges(format!("there is no case {name}"))),
            }
        }
    };
}

cases! {
    values {
        own_writes_are_invisible
        the_last_write_of_a_key_wins
        a_deleted_key_is_absent
        empty_values_are_refused
        values_keep_every_byte
        large_values_are_kept
        a_transaction_writes_many_keys
        multi_gets_keep_order_duplicates_and_gaps
        multi_gets_take_many_keys
    }
    keys {
        keys_are_compared_byte_by_byte
        composite_keys_keep_their_attributes_apart
        reserved_characters_are_refused
    }
    ranges {
        ranges_are_in_byte_order
        ranges_keep_their_bounds
        ranges_keep_their_limit
        ranges_never_leave_their_table
        simple_ranges_show_no_composite_keys
        ranges_do_not_show_own_writes
    }
    private {
        private_and_public_state_are_apart
        private_hashes_are_of_values
        private_multi_gets_keep_order_duplicates_and_gaps
        private_ranges_are_ordered_and_limited
        purged_keys_leave_nothing
        unreconciled_private_data_says_so
    }
    validation {
        of_two_changes_to_one_key_the_first_wins
        blind_writes_do_not_conflict
        what_was_absent_conflicts_with_its_creation
        what_was_read_conflicts_with_its_deletion
        a_read_by_multi_get_conflicts_too
        a_changed_range_is_a_phantom
        private_reads_conflict
        private_hash_reads_conflict
        reads_of_other_keys_do_not_conflict
    }
    policies {
        key_policies_are_kept_with_their_keys
        key_policies_go_with_their_keys
        a_changed_key_policy_stops_later_writers
        an_unfulfilled_key_policy_stops_writers
        history_is_newest_first
    }
    calls {
        a_refusal_leaves_no_trace
        the_last_event_is_sent
        an_event_needs_no_write
        an_event_needs_a_name
        transient_data_reaches_the_contract
        the_context_is_the_transactions
        queries_are_never_committed
        unknown_functions_are_refused
        bad_arguments_are_refused
        the_contract_describes_itself
    }
}
