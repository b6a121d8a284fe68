//! The promises that every engine keeps.
//!
//! Each promise is one function, which runs on every engine. A *place* is where an engine keeps its data; opening it
//! several times is like starting several processes.

mod place;
mod process;
mod promises;
mod shared;

/// Creates a test per promise and engine.
macro_rules! on_each_engine {
    ($($promise:path as $name:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { $promise(super::place::Place::memory()).await })*
        }
        #[cfg(feature = "sqlite")]
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { $promise(super::place::Place::sqlite()).await })*
        }
        #[cfg(all(feature = "postgres", unix))]
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { $promise(super::place::Place::postgres()).await })*
        }
    };
}

on_each_engine! {
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
    super::shared::deleted_channel as a_deleted_channel_begins_a_new_epoch,
    super::shared::publishing_to_a_deleted_channel as publishing_to_a_deleted_channel_succeeds,
    super::shared::new_definition as messages_that_a_new_definition_rejects_become_a_gap,
    super::shared::missed as messages_that_were_deleted_before_a_process_read_them_become_a_gap,
}
