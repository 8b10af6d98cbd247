// The judge contract by Fabric's own Go shim. ../README.md says what each function does.
//
// This shim is the only other one that uses write batches and multi-gets when a peer offers them.
package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"sort"

	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/cid"
	"github.com/hyperledger/fabric-chaincode-go/v2/pkg/statebased"
	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
)

const item = "item"

type read struct {
	Collection string   `json:"collection"`
	Keys       []string `json:"keys"`
}

type write struct {
	Op         string `json:"op"`
	Collection string `json:"collection"`
	Key        string `json:"key"`
	Value      string `json:"value"`
}

// arguments holds the fields of every function; each uses its own.
type arguments struct {
	Collection string   `json:"collection"`
	Key        string   `json:"key"`
	Keys       []string `json:"keys"`
	Writes     []write  `json:"writes"`
	Read       read     `json:"read"`
	Items      []struct {
		Parts []string `json:"parts"`
		Value string   `json:"value"`
	} `json:"items"`
	Prefix   []string    `json:"prefix"`
	Start    string      `json:"start"`
	End      string      `json:"end"`
	Limit    int         `json:"limit"`
	Size     int32       `json:"size"`
	Bookmark string      `json:"bookmark"`
	Events   [][2]string `json:"events"`
	Status   int32       `json:"status"`
	Orgs     []string    `json:"orgs"`
}

type refusal struct {
	status  int32
	message string
}

func (r *refusal) Error() string { return r.message }

type function func(stub shim.ChaincodeStubInterface, args arguments) (any, error)

var functions = map[string]function{
	"Noop":           func(shim.ChaincodeStubInterface, arguments) (any, error) { return nil, nil },
	"WhoCalls":       whoCalls,
	"Write":          writeAll,
	"PutSecret":      putSecret,
	"Get":            get,
	"GetMany":        getMany,
	"Hash":           hash,
	"PutItems":       putItems,
	"Items":          items,
	"Range":          ranged,
	"ReadThenWrite":  readThenWrite,
	"Announce":       announce,
	"Refuse":         refuse,
	"Page":           page,
	"History":        history,
	"WriteThenRange": writeThenRange,
	"RangeThenWrite": rangeThenWrite,
	"WriteThenRead":  writeThenRead,
	"SetPolicy":      setPolicy,
	"GetPolicy":      getPolicy,
}

func whoCalls(stub shim.ChaincodeStubInterface, _ arguments) (any, error) {
	msp, err := cid.GetMSPID(stub)
	if err != nil {
		return nil, err
	}
	transient, err := stub.GetTransient()
	names := make([]string, 0, len(transient))
	for name := range transient {
		names = append(names, name)
	}
	sort.Strings(names)
	return []any{msp, stub.GetChannelID(), stub.GetTxID(), names}, err
}

func writeAll(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	for _, one := range args.Writes {
		if err := writeOne(stub, one); err != nil {
			return nil, err
		}
	}
	return len(args.Writes), nil
}

func writeOne(stub shim.ChaincodeStubInterface, one write) error {
	switch {
	case one.Op == "put" && one.Collection == "":
		return stub.PutState(one.Key, []byte(one.Value))
	case one.Op == "put":
		return stub.PutPrivateData(one.Collection, one.Key, []byte(one.Value))
	case one.Op == "delete" && one.Collection == "":
		return stub.DelState(one.Key)
	case one.Op == "delete":
		return stub.DelPrivateData(one.Collection, one.Key)
	case one.Op == "purge":
		return stub.PurgePrivateData(one.Collection, one.Key)
	}
	return fmt.Errorf("no such write: %s", one.Op)
}

func putSecret(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	transient, err := stub.GetTransient()
	if err != nil {
		return nil, err
	}
	return nil, stub.PutPrivateData(args.Collection, args.Key, transient["value"])
}

func get(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	values := make([]any, 0, len(args.Keys))
	for _, key := range args.Keys {
		value, err := getOne(stub, args.Collection, key)
		if err != nil {
			return nil, err
		}
		values = append(values, text(value))
	}
	return values, nil
}

func getOne(stub shim.ChaincodeStubInterface, collection, key string) ([]byte, error) {
	if collection == "" {
		return stub.GetState(key)
	}
	return stub.GetPrivateData(collection, key)
}

func getMany(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	var found [][]byte
	var err error
	if args.Collection == "" {
		found, err = stub.GetMultipleStates(args.Keys...)
	} else {
		found, err = stub.GetMultiplePrivateData(args.Collection, args.Keys...)
	}
	values := make([]any, 0, len(found))
	for _, value := range found {
		values = append(values, text(value))
	}
	return values, err
}

func hash(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	found, err := stub.GetPrivateDataHash(args.Collection, args.Key)
	if len(found) == 0 {
		return nil, err
	}
	return hex.EncodeToString(found), err
}

func putItems(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	for _, one := range args.Items {
		key, err := stub.CreateCompositeKey(item, one.Parts)
		if err != nil {
			return nil, err
		}
		if err := writeOne(stub, write{"put", args.Collection, key, one.Value}); err != nil {
			return nil, err
		}
	}
	return len(args.Items), nil
}

func items(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	var query shim.StateQueryIteratorInterface
	var err error
	if args.Collection == "" {
		query, err = stub.GetStateByPartialCompositeKey(item, args.Prefix)
	} else {
		query, err = stub.GetPrivateDataByPartialCompositeKey(args.Collection, item, args.Prefix)
	}
	if err != nil {
		return nil, err
	}
	found, err := rows(query, args.Limit)
	if err != nil {
		return nil, err
	}
	for i := range found {
		_, parts, err := stub.SplitCompositeKey(found[i][0].(string))
		if err != nil {
			return nil, err
		}
		found[i][0] = parts
	}
	return found, nil
}

func ranged(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	var query shim.StateQueryIteratorInterface
	var err error
	if args.Collection == "" {
		query, err = stub.GetStateByRange(args.Start, args.End)
	} else {
		query, err = stub.GetPrivateDataByRange(args.Collection, args.Start, args.End)
	}
	if err != nil {
		return nil, err
	}
	return rows(query, args.Limit)
}

func rows(query shim.StateQueryIteratorInterface, limit int) ([][2]any, error) {
	found := make([][2]any, 0)
	for (limit == 0 || len(found) < limit) && query.HasNext() {
		row, err := query.Next()
		if err != nil {
			return nil, err
		}
		found = append(found, [2]any{row.Key, text(row.Value)})
	}
	return found, query.Close()
}

func readThenWrite(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	values, err := get(stub, arguments{Collection: args.Read.Collection, Keys: args.Read.Keys})
	if err != nil {
		return nil, err
	}
	_, err = writeAll(stub, args)
	return values, err
}

func announce(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	if _, err := writeAll(stub, args); err != nil {
		return nil, err
	}
	for _, event := range args.Events {
		if err := stub.SetEvent(event[0], []byte(event[1])); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func refuse(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	if _, err := writeAll(stub, args); err != nil {
		return nil, err
	}
	return nil, &refusal{args.Status, "JUDGE_REFUSES: the judge says no"}
}

func page(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	query, metadata, err := stub.GetStateByRangeWithPagination(args.Start, args.End, args.Size, args.Bookmark)
	if err != nil {
		return nil, err
	}
	found, err := rows(query, 0)
	return []any{found, metadata.GetFetchedRecordsCount(), metadata.GetBookmark()}, err
}

func history(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	query, err := stub.GetHistoryForKey(args.Key)
	if err != nil {
		return nil, err
	}
	found := make([][3]any, 0)
	for query.HasNext() {
		row, err := query.Next()
		if err != nil {
			return nil, err
		}
		found = append(found, [3]any{len(row.GetTxId()), row.GetIsDelete(), text(row.GetValue())})
	}
	return found, query.Close()
}

func writeThenRange(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	if _, err := writeAll(stub, args); err != nil {
		return nil, err
	}
	return ranged(stub, args)
}

func rangeThenWrite(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	found, err := ranged(stub, args)
	if err != nil {
		return nil, err
	}
	_, err = writeAll(stub, args)
	return found, err
}

func writeThenRead(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	if _, err := writeAll(stub, args); err != nil {
		return nil, err
	}
	return get(stub, arguments{Collection: args.Read.Collection, Keys: args.Read.Keys})
}

func setPolicy(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	if _, err := writeAll(stub, args); err != nil {
		return nil, err
	}
	policy, err := statebased.NewStateEP(nil)
	if err != nil {
		return nil, err
	}
	if err := policy.AddOrgs(statebased.RoleTypeMember, args.Orgs...); err != nil {
		return nil, err
	}
	encoded, err := policy.Policy()
	if err != nil {
		return nil, err
	}
	if args.Collection == "" {
		return nil, stub.SetStateValidationParameter(args.Key, encoded)
	}
	return nil, stub.SetPrivateDataValidationParameter(args.Collection, args.Key, encoded)
}

func getPolicy(stub shim.ChaincodeStubInterface, args arguments) (any, error) {
	var found []byte
	var err error
	if args.Collection == "" {
		found, err = stub.GetStateValidationParameter(args.Key)
	} else {
		found, err = stub.GetPrivateDataValidationParameter(args.Collection, args.Key)
	}
	if len(found) == 0 {
		return nil, err
	}
	return hex.EncodeToString(found), err
}

func text(value []byte) any {
	if len(value) == 0 {
		return nil
	}
	return string(value)
}

type judge struct{}

func (judge) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

func (judge) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	// Does nothing where the peer has not offered it.
	stub.StartWriteBatch()
	answer, err := invoke(stub)
	switch failure := err.(type) {
	case nil:
		return shim.Success(answer)
	case *refusal:
		return &peer.Response{Status: failure.status, Message: failure.message}
	default:
		return shim.Error(err.Error())
	}
}

func invoke(stub shim.ChaincodeStubInterface) ([]byte, error) {
	name, params := stub.GetFunctionAndParameters()
	run, ok := functions[name]
	if !ok {
		return nil, fmt.Errorf("no such function: %s", name)
	}
	var args arguments
	if len(params) > 0 {
		if err := json.Unmarshal([]byte(params[0]), &args); err != nil {
			return nil, err
		}
	}
	answer, err := run(stub, args)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

func main() {
	server := &shim.ChaincodeServer{
		CCID:     os.Getenv("CHAINCODE_ID"),
		Address:  os.Getenv("CHAINCODE_SERVER_ADDRESS"),
		CC:       judge{},
		TLSProps: shim.TLSProperties{Disabled: true},
	}
	log.Fatal(server.Start())
}
