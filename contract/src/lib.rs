//! The patient-centric health-IoT contract.
