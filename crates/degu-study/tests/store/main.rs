//! Store, keys, plan, ledger and executor, against files, threads, processes and kills.

mod crash;
mod execution;
mod helpers;
mod journal;
mod keys;
mod leases;
mod plans;
mod publication;
mod sweeping;
