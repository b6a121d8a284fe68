//! The promises that every engine keeps.
//!
//! Each promise is one function, which runs on every engine. A *place* is where an engine keeps its data; opening it
//! several times is like starting several processes.

#[cfg(all(feature = "nats", unix))]
mod nats;
mod place;
mod process;
mod promises;
mod runs;
mod shared;

/// Creates a test per promise and engine.
macro_rules! on_each_engine {
    ([$($place:ident $(if $condition:meta)?),*] $promises:tt) => {
        $($(#[cfg($condition)])?
        mod $place {
            on_each_engine!(@$place $promises);
        })*
    };
    (@$place:ident { $($promise:path as $name:ident,)* }) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() { $promise(super::Place::$place()).await })*
    };
}

mod on_all {
    use super::place::Place;
    use super::{promises, shared};

    on_each_engine! {
        [
            memory,
            sqlite if feature = "sqlite",
            postgres if all(feature = "postgres", unix),
            nats if all(feature = "nats", unix),
            nats_cluster if all(feature = "nats", unix)
        ]
        {
            super::promises::order as messages_are_in_the_order_of_the_calls,
            super::promises::concurrency as concurrent_publishers_get_distinct_offsets_in_order,
            super::promises::idempotency as an_idempotency_key_publishes_once,
            super::promises::concurrent_keys as concurrent_publishes_under_one_key_are_one_message,
            super::promises::resuming as a_reader_resumes_after_its_cursor,
            super::promises::gaps as messages_beyond_the_history_give_an_exact_gap,
            super::promises::retaining as retained_messages_outlive_the_history,
            super::promises::text_streams as the_chunks_of_a_text_stream_arrive_in_order,
            super::promises::odd_text as names_and_texts_may_contain_anything,
            super::shared::restoring as a_restarted_process_has_the_same_messages,
            super::shared::restored_gap as a_gap_is_exact_after_a_restart,
            super::shared::restored_keys as an_idempotency_key_publishes_once_across_processes,
            super::shared::one_order as two_processes_see_one_order,
            super::shared::lagging as a_process_catches_up_with_another,
            super::shared::revocations as revocations_reach_all_processes_and_stay,
            super::shared::abandoned_streams as a_text_stream_of_an_ended_process_ends,
            super::shared::written_streams as a_text_stream_of_a_running_process_is_not_abandoned,
            super::shared::refused_text as a_text_stream_that_others_have_ended_gets_no_more_text,
            super::shared::deleted_channel as a_deleted_channel_begins_a_new_epoch,
            super::shared::publishing_to_a_deleted_channel as publishing_to_a_deleted_channel_succeeds,
            super::shared::new_definition as messages_that_a_new_definition_rejects_become_a_gap,
            super::shared::missed as messages_that_were_deleted_before_a_process_read_them_become_a_gap,
        }
    }
}

/// NATS has no journal.
mod on_all_but_nats {
    use super::place::Place;
    use super::runs;

    on_each_engine! {
        [memory, sqlite if feature = "sqlite", postgres if all(feature = "postgres", unix)]
        {
            super::runs::claims::adding as a_run_is_added_once,
            super::runs::claims::adding_at_once as processes_that_add_the_same_run_at_once_add_one,
            super::runs::claims::claiming as the_run_that_has_been_due_longest_is_claimed_first,
            super::runs::claims::many_jobs as runs_of_many_jobs_are_claimed,
            super::runs::claims::claiming_at_once as processes_that_claim_at_once_claim_each_run_once,
            super::runs::claims::expired_lease as another_process_claims_a_run_whose_lease_is_over,
            super::runs::claims::extended_lease as an_extended_lease_keeps_the_run,
            super::runs::claims::outdated_fence as an_outdated_fence_writes_nothing,
            super::runs::claims::releasing as a_released_run_is_claimed_at_once,
            super::runs::claims::crashes as runs_that_crash_repeatedly_are_executed_one_at_a_time,
            super::runs::claims::due_times as a_run_is_claimed_when_it_is_due,
            super::runs::claims::counting as unfinished_runs_are_counted_by_state,
            super::runs::calls::replaying as recorded_calls_are_replayed_after_a_restart,
            super::runs::calls::attempts as the_first_final_outcome_of_a_call_stays,
            super::runs::calls::publishing as a_message_is_published_with_its_call,
            super::runs::calls::repeated_publish as a_repeated_publish_is_one_message,
            super::runs::calls::text_streams as a_text_stream_continues_from_its_chunks,
            super::runs::calls::failed_write as a_write_that_fails_leaves_nothing,
            super::runs::calls::ended_stream as an_abandoned_text_stream_ends_once,
            super::runs::calls::refused_chunk as an_ended_text_stream_of_a_run_gets_no_more_text,
            super::runs::questions::asking as a_question_is_asked_once_and_answered,
            super::runs::questions::closing as a_question_closes_when_its_time_is_over,
            super::runs::questions::kept_signals as a_kept_signal_answers_one_question,
            super::runs::questions::many_names as a_question_may_have_many_names,
            super::runs::questions::answered_while_released as a_signal_makes_a_waiting_run_due,
            super::runs::questions::answer_survives as an_accepted_signal_survives_a_restart,
            super::runs::questions::deciding as a_decided_fork_closes_the_questions_of_its_losers,
            super::runs::questions::contested as a_branch_with_an_accepted_signal_takes_precedence,
            super::runs::questions::end_closes_questions as the_end_of_a_run_closes_its_questions,
            super::runs::signals::one_answer as a_question_takes_one_answer,
            super::runs::signals::order_of_questions as signals_answer_questions_in_their_order,
            super::runs::signals::named_question as a_signal_can_name_its_question,
            super::runs::signals::targets as a_signal_reaches_the_run_that_has_waited_longest,
            super::runs::signals::keys as a_signal_with_a_key_is_delivered_once,
            super::runs::signals::old_signal as a_signal_answers_no_later_question,
            super::runs::signals::renamed as a_signal_answers_under_its_former_name,
            super::runs::sharing::signals_at_once as one_of_several_signals_at_once_is_accepted,
            super::runs::sharing::repeated_at_once as a_signal_that_is_repeated_at_once_is_delivered_once,
            super::runs::sharing::signal_meets_question as a_signal_that_meets_its_question_answers_it,
            super::runs::sharing::cancelled_while_recording as a_cancelled_run_records_nothing_more,
            super::runs::sharing::changed_at_once as one_of_several_changes_at_once_takes_effect,
            super::runs::sharing::publishing_at_once as runs_of_several_processes_publish_to_one_channel,
            super::runs::manage::cancelling as a_run_is_cancelled_once,
            super::runs::manage::retrying as a_retried_run_repeats_its_failed_call,
            super::runs::manage::retrying_forks as a_retried_run_repeats_a_failed_fork,
            super::runs::manage::retrying_keeps_answers as a_retried_run_keeps_accepted_signals,
            super::runs::manage::waking as sleeps_and_delays_end_early,
            super::runs::manage::rerunning as a_rerun_begins_with_the_calls_before_a_position,
            super::runs::manage::retention as ended_runs_are_deleted_with_their_data,
            super::runs::manage::forgotten_keys as the_keys_of_deleted_runs_are_forgotten,
            super::runs::manage::orphans as the_runs_of_ended_processes_are_freed,
        }
    }
}
