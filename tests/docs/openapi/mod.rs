//! `docs/openapi.yaml` against the code and against a running broker.

mod call;
mod document;
mod refusals;
mod routes;
mod shapes;
mod stage;
mod structure;
mod successes;
mod words;
