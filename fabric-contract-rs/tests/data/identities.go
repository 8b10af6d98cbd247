// Writes identities.json: certificates with unusual names, and what Go reads from them.
//
//	go run identities.go > identities.json
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"time"
)

type atv struct {
	oid   asn1.ObjectIdentifier
	tag   int
	value []byte
}

func cn(v string) atv { return atv{asn1.ObjectIdentifier{2, 5, 4, 3}, 12, []byte(v)} }
func ou(v string) atv { return atv{asn1.ObjectIdentifier{2, 5, 4, 11}, 12, []byte(v)} }
func org(v string) atv {
	for _, c := range v {
		if c == '#' || c > 126 {
			return atv{asn1.ObjectIdentifier{2, 5, 4, 10}, 12, []byte(v)}
		}
	}
	return atv{asn1.ObjectIdentifier{2, 5, 4, 10}, 19, []byte(v)}
}
func typ(n int, v string) atv {
	return atv{asn1.ObjectIdentifier{2, 5, 4, n}, 12, []byte(v)}
}

func tlv(class, tag int, compound bool, body []byte) []byte {
	out, err := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, IsCompound: compound, Bytes: body})
	if err != nil {
		panic(err)
	}
	return out
}

// Bytes of a name, the sets in the order given.
func name(rdns [][]atv) []byte {
	var all []byte
	for _, rdn := range rdns {
		var set []byte
		for _, a := range rdn {
			oid, err := asn1.Marshal(a.oid)
			if err != nil {
				panic(err)
			}
			set = append(set, tlv(0, 16, true, append(oid, tlv(0, a.tag, false, a.value)...))...)
		}
		all = append(all, tlv(0, 17, true, set)...)
	}
	return tlv(0, 16, true, all)
}

type vector struct {
	Name        string   `json:"name"`
	Certificate string   `json:"certificate"`
	Subject     string   `json:"subject"`
	Issuer      string   `json:"issuer"`
	ID          string   `json:"id"`
	CommonName  string   `json:"common_name"`
	Units       []string `json:"organizational_units"`
	KeyHash     string   `json:"public_key_hash"`
}

func main() {
	plainIssuer := [][]atv{{typ(6, "US")}, {typ(8, "North Carolina")}, {typ(7, "Durham")}, {org("org1.example.com")}, {cn("ca.org1.example.com")}}
	cases := []struct {
		name            string
		subject, issuer [][]atv
		attrs           string
	}{
		{"fabric-ca client", [][]atv{{typ(6, "US")}, {typ(8, "North Carolina")}, {org("Hyperledger")}, {ou("client")}, {cn("user1")}}, plainIssuer, `{"attrs":{"hf.Affiliation":"","hf.EnrollmentID":"user1","hf.Type":"client","role":"clinician"}}`},
		{"fabric-ca affiliation: units in one set", [][]atv{{ou("client"), ou("org1"), ou("department1")}, {cn("user1")}}, plainIssuer, ""},
		{"cryptogen user", [][]atv{{typ(6, "US")}, {typ(8, "California")}, {typ(7, "San Francisco")}, {ou("client")}, {cn("User1@org1.example.com")}}, plainIssuer, ""},
		{"every named attribute, out of order", [][]atv{{typ(5, "42")}, {cn("all")}, {ou("u")}, {org("o")}, {typ(17, "27701")}, {typ(9, "Main St 1")}, {typ(7, "Durham")}, {typ(8, "NC")}, {typ(6, "US")}}, plainIssuer, ""},
		{"special characters", [][]atv{{org("Comma, Plus+ & Co")}, {ou(`back\slash;semi<less>"quote"=equals`)}, {cn("a,b+c")}}, plainIssuer, ""},
		{"leading and trailing", [][]atv{{org("#hash#")}, {ou(" both ends ")}, {ou(" ")}, {ou("  ")}, {ou("##")}, {cn(" #x ")}}, plainIssuer, ""},
		{"unicode", [][]atv{{org("Krankenhaus Zürich")}, {ou("研究")}, {ou("é ")}, {ou("😀 ")}, {cn("Åsa Öberg")}}, [][]atv{{org("Hôpital, Genève")}, {cn("Autorité «été»")}}, ""},
		{"unknown types are left out", [][]atv{{atv{asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, 22, []byte("a@b.example")}}, {typ(12, "Dr")}, {typ(4, "Surname")}, {cn("known")}, {atv{asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, 22, []byte("example")}}}, [][]atv{{atv{asn1.ObjectIdentifier{0, 9, 2342, 19200300, 100, 1, 25}, 22, []byte("com")}}, {cn("ca")}}, ""},
		{"a set of different types", [][]atv{{cn("multi"), ou("one"), org("two")}, {ou("three"), typ(5, "7")}}, plainIssuer, ""},
		{"several common names: the last", [][]atv{{cn("first")}, {ou("client")}, {cn("second")}}, plainIssuer, ""},
		{"several serial numbers: the last", [][]atv{{typ(5, "1")}, {cn("serial")}, {typ(5, "2")}}, plainIssuer, ""},
		{"an empty common name", [][]atv{{ou("client")}, {cn("")}}, plainIssuer, ""},
		{"an empty unit", [][]atv{{ou("")}, {ou("client")}, {cn("x")}}, plainIssuer, ""},
		{"no subject", [][]atv{}, plainIssuer, ""},
		{"string types", [][]atv{
			{atv{asn1.ObjectIdentifier{2, 5, 4, 10}, 20, []byte{0x5a, 0xfc, 0x72, 0x69, 0x63, 0x68}}},
			{atv{asn1.ObjectIdentifier{2, 5, 4, 11}, 30, []byte{0, 'B', 0x4e, 0x2d, 0, 'P'}}},
			{atv{asn1.ObjectIdentifier{2, 5, 4, 11}, 30, []byte{0, 'T', 0, 0}}},
			{atv{asn1.ObjectIdentifier{2, 5, 4, 11}, 18, []byte("123 456")}},
			{atv{asn1.ObjectIdentifier{2, 5, 4, 11}, 22, []byte("ia5@example")}},
			{atv{asn1.ObjectIdentifier{2, 5, 4, 3}, 19, []byte("printable *&")}}}, plainIssuer, ""},
		{"control characters", [][]atv{{ou("tab\tand\nline")}, {cn("nul\x00inside")}}, plainIssuer, ""},
		{"double colons", [][]atv{{cn("a::CN=b")}}, [][]atv{{cn("x509::c")}}, ""},
	}
	var out []vector
	for i, c := range cases {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			panic(err)
		}
		caKey, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		ca := &x509.Certificate{SerialNumber: big.NewInt(1), RawSubject: name(c.issuer)}
		leaf := &x509.Certificate{
			SerialNumber: big.NewInt(int64(1000 + i)),
			RawSubject:   name(c.subject),
			NotBefore:    time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
			NotAfter:     time.Date(2044, 1, 1, 0, 0, 0, 0, time.UTC),
			KeyUsage:     x509.KeyUsageDigitalSignature,
		}
		if c.attrs != "" {
			leaf.ExtraExtensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{1, 2, 3, 4, 5, 6, 7, 8, 1}, Value: []byte(c.attrs)}}
		}
		der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
		if err != nil {
			panic(c.name + ": " + err.Error())
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			panic(c.name + ": " + err.Error())
		}
		subject := cert.Subject.ToRDNSequence().String()
		issuer := cert.Issuer.ToRDNSequence().String()
		hash := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
		units := cert.Subject.OrganizationalUnit
		if units == nil {
			units = []string{}
		}
		out = append(out, vector{
			c.name, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
			subject, issuer,
			base64.StdEncoding.EncodeToString([]byte("x509::" + subject + "::" + issuer)),
			cert.Subject.CommonName, units, hex.EncodeToString(hash[:]),
		})
	}
	enc := json.NewEncoder(os.Stdout)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		panic(err)
	}
}
