/// Makes panics log where they happened and nothing else.
///
/// By default a panic writes its text to standard error, and what a contract was working on may
/// stand in that text. Call it once, at the start of a program.
pub fn log_place_of_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
