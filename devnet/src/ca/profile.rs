use serde_json::{Value, json};

use super::layout::peer_name;

/// The connection profile of an organisation, as the test network writes it.
pub(super) fn connection_profile(
    channel: &str,
    msp_id: &str,
    domain: &str,
    port: u16,
    tls_ca_pem: &str,
) -> Value {
    let organization = msp_id.strip_suffix("MSP").filter(|name| !name.is_empty()).unwrap_or(msp_id);
    let peer = peer_name(domain);
    json!({
        "name": format!("{channel}-{}", organization.to_lowercase()),
        "version": "1.0.0",
        "client": {
            "organization": organization,
            "connection": { "timeout": { "peer": { "endorser": "300" } } }
        },
        "organizations": {
            organization: { "mspid": msp_id, "peers": [&peer], "certificateAuthorities": [] }
        },
        "peers": {
            &peer: {
                "url": format!("grpcs://localhost:{port}"),
                "tlsCACerts": { "pem": tls_ca_pem },
                "grpcOptions": {
                    "ssl-target-name-override": &peer,
                    "hostnameOverride": &peer
                }
            }
        }
    })
}
