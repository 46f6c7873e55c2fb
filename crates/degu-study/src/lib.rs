//! Experiment files, plans, artifact store, journal and executors.
