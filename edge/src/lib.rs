//! From raw pulse samples to heart-rate summaries on the patient's own device.
