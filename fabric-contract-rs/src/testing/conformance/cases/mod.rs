//! The cases. Each stands for one thing a contract may rely on.

mod callees;
mod calls;
mod channels;
mod collections;
mod keys;
mod pages;
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
    pages {
        pages_follow_each_other
        pages_never_leave_their_range
        pages_of_no_or_too_many_entries_are_refused
        pages_and_writes_exclude_each_other
    }
    private {
        private_and_public_state_are_apart
        private_hashes_are_of_values
        private_multi_gets_keep_order_duplicates_and_gaps
        private_ranges_are_ordered_and_limited
        purged_keys_leave_nothing
        unreconciled_private_data_says_so
    }
    collections {
        short_lived_data_goes_after_its_blocks
        members_only_collections_refuse_other_clients
        a_collections_own_policy_stops_writers
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
        a_removed_key_policy_ends_planned_endorsement
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
    callees {
        a_callees_writes_join_the_transaction
        a_callees_collections_are_its_own
        neither_side_of_a_call_sees_the_others_writes
        a_callee_has_the_same_caller
        a_callees_event_is_discarded
        a_callees_refusal_is_passed_on
        a_callees_fault_is_told
        a_failed_caller_takes_its_callees_along
        a_callees_reads_conflict
        a_callees_key_policies_hold
        a_callees_private_query_excludes_writes
        a_call_that_comes_back_is_refused
        unknown_chaincodes_cannot_be_called
        queries_may_call
        a_query_that_has_called_is_never_committed
    }
    channels {
        another_channel_can_be_asked
        what_is_written_on_another_channel_is_lost
        reads_on_another_channel_do_not_conflict
        only_other_channels_are_asked_across
    }
}
