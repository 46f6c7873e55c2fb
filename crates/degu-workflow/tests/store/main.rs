//! Store, keys, plan, ledger and executor, against files, threads, processes and kills.

#![expect(clippy::unwrap_used, reason = "helpers between tests fail the test")]

mod crash;
mod execution;
mod helpers;
mod journal;
mod keys;
mod leases;
mod plans;
mod publication;
mod sweeping;
