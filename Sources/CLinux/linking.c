// Libraries that nothing is taken from are not to be loaded at each start. SwiftProtobuf names all of Foundation among those to link, for
// streams that we do not use; loaded, it costs some 5 ms. Swift puts what modules ask for in this section before the system's libraries
// (swift-driver 6, SwiftAutolinkExtract), and so early the linker has to be told. That section is gone once it has been read: no
// AddressSanitizer may refer to it.
__attribute__((used, no_sanitize("address"), section(".swift1_autolink_entries"))) static const char only_needed[] = "-Wl,--as-needed";
