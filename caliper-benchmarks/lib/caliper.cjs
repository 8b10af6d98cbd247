'use strict';

// Caliper's manager and its workers, by the arguments of its command line:
//
//   node caliper.cjs launch manager --caliper-workspace DIR --caliper-benchconfig FILE --caliper-networkconfig FILE
//       [--native-signing]
//
// The package of that command line brings the connectors of other ledgers along; this needs Fabric's.

const { CaliperEngine, CaliperUtils, ConfigUtil, Constants, WorkerMessageHandler } = require('@hyperledger/caliper-core');
const { connectorFactory } = require('./connector.cjs');

const ConnectorFactory = connectorFactory(process.argv.includes('--native-signing'));

const parsed = (key) => CaliperUtils.parseYaml(CaliperUtils.resolvePath(ConfigUtil.get(key)));

async function manager() {
    const { BenchConfig, NetworkConfig } = ConfigUtil.keys;
    const engine = new CaliperEngine(parsed(BenchConfig), parsed(NetworkConfig), ConnectorFactory);
    return engine.run();
}

/** The manager starts this very file once more for each worker. */
async function worker() {
    const method = ConfigUtil.get(ConfigUtil.keys.Worker.Communication.Method);
    const messengers = CaliperUtils.getBuiltinMessengers();
    const messenger = CaliperUtils.loadModuleFunction(messengers, method, Constants.Factories.WorkerMessenger, require)({});
    const handler = new WorkerMessageHandler(messenger, ConnectorFactory);
    await messenger.initialize();
    await messenger.configureProcessInstances([process]);
    await handler.waitForExit();
    await messenger.dispose();
    return 0;
}

CaliperUtils.assertConfigurationFilePaths();
const [, , , role] = process.argv;
(role === 'worker' ? worker() : manager()).then(
    (code) => process.exit(code),
    (error) => {
        console.error(error);
        process.exit(1);
    },
);
