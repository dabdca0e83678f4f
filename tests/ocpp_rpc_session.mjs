// A station played by ocpp-rpc in strict mode: it checks every answer and every CALL of ours
// against the standard's schemas. Usage: node ocpp_rpc_session.mjs <version> <endpoint> <password>
import ocppRpc from "ocpp-rpc";

const { RPCClient } = ocppRpc;
const [version, endpoint, password] = process.argv.slice(2);
const client = new RPCClient({
  endpoint,
  identity: "S1",
  password,
  protocols: [version],
  strictMode: true,
});
client.on("strictValidationFailure", ({ error }) => {
  console.log("INVALID", JSON.stringify(error), error.message);
  process.exit(1);
});

let obeyed;
const orders = new Promise((resolve) => { obeyed = resolve; });
client.handle(({ method, params }) => {
  setImmediate(() => obeyed(method));
  return { status: "Accepted" };
});

const at = (minutes) => new Date(Date.now() - 3600e3 + minutes * 60e3).toISOString();
const say = async (action, payload) => {
  const answer = await client.call(action, payload);
  console.log("said", action, JSON.stringify(answer));
  return answer;
};

async function play16() {
  await say("BootNotification", { chargePointVendor: "Volt AB", chargePointModel: "Duo" });
  await say("Heartbeat", {});
  const status = { connectorId: 1, errorCode: "NoError", timestamp: at(0) };
  await say("StatusNotification", { ...status, status: "Preparing" });
  await say("Authorize", { idTag: "TAG" });
  await say("Authorize", { idTag: "NOBODY" });
  const start = { connectorId: 1, idTag: "TAG", meterStart: 1000, timestamp: at(0) };
  const { transactionId } = await say("StartTransaction", start);
  for (const n of [1, 2, 3]) {
    const sampledValue = [{ value: `${1 + n}.5`, unit: "kWh", context: "Sample.Periodic" }];
    await say("MeterValues", {
      connectorId: 1, transactionId, meterValue: [{ timestamp: at(n * 10), sampledValue }],
    });
  }
  console.log("ready");
  console.log("obeyed", await orders);
  await say("StopTransaction", { transactionId, meterStop: 6000, timestamp: at(40) });
  for (const [action, payload] of [
    ["DataTransfer", { vendorId: "volt" }],
    ["DiagnosticsStatusNotification", { status: "Idle" }],
    ["FirmwareStatusNotification", { status: "Idle" }],
  ]) await say(action, payload);
}

async function play201() {
  const chargingStation = { vendorName: "Volt AB", model: "Duo" };
  await say("BootNotification", { reason: "PowerUp", chargingStation });
  await say("Heartbeat", {});
  await say("StatusNotification", {
    timestamp: at(0), connectorStatus: "Occupied", evseId: 1, connectorId: 1,
  });
  const idToken = { idToken: "TAG", type: "ISO14443" };
  await say("Authorize", { idToken });
  await say("Authorize", { idToken: { idToken: "NOBODY", type: "Central" } });
  const event = (eventType, seqNo, wh, more) => say("TransactionEvent", {
    eventType, seqNo, timestamp: at(seqNo * 10), triggerReason: "MeterValuePeriodic",
    transactionInfo: { transactionId: "T-1", chargingState: "Charging" },
    meterValue: [{ timestamp: at(seqNo * 10), sampledValue: [{ value: wh }] }], ...more,
  });
  await event("Started", 0, 1000, { evse: { id: 1, connectorId: 1 }, idToken });
  for (const n of [1, 2, 3]) await event("Updated", n, 1000 + n * 1000);
  console.log("ready");
  console.log("obeyed", await orders);
  await event("Ended", 4, 6000, { idToken });
  const generated = { generatedAt: at(0), seqNo: 0 };
  const subject = { component: { name: "C" }, variable: { name: "V" } };
  for (const [action, payload] of [
    ["DataTransfer", { vendorId: "volt" }],
    ["FirmwareStatusNotification", { status: "Idle" }],
    ["LogStatusNotification", { status: "Idle" }],
    ["MeterValues", { evseId: 0, meterValue: [{ timestamp: at(0), sampledValue: [{ value: 5 }] }] }],
    ["NotifyReport", { ...generated, requestId: 1 }],
    ["NotifyMonitoringReport", { ...generated, requestId: 1 }],
    ["NotifyEvent", {
      ...generated,
      eventData: [{
        eventId: 1, timestamp: at(0), trigger: "Alerting", actualValue: "1",
        eventNotificationType: "HardWiredNotification", ...subject,
      }],
    }],
    ["NotifyCustomerInformation", { ...generated, data: "x", requestId: 1 }],
    ["NotifyDisplayMessages", { requestId: 1 }],
    ["NotifyChargingLimit", { chargingLimit: { chargingLimitSource: "EMS" } }],
    ["NotifyEVChargingNeeds", { evseId: 1, chargingNeeds: { requestedEnergyTransfer: "DC" } }],
    ["ClearedChargingLimit", { chargingLimitSource: "EMS" }],
    ["ReservationStatusUpdate", { reservationId: 1, reservationUpdateStatus: "Expired" }],
    ["SecurityEventNotification", { type: "StartupOfTheDevice", timestamp: at(0) }],
    ["SignCertificate", { csr: "x" }],
    ["PublishFirmwareStatusNotification", { status: "Idle" }],
    ["GetCertificateStatus", {
      ocspRequestData: {
        hashAlgorithm: "SHA256", issuerNameHash: "a", issuerKeyHash: "b", serialNumber: "c",
        responderURL: "http://x",
      },
    }],
    ["Get15118EVCertificate", {
      iso15118SchemaVersion: "1", action: "Install", exiRequest: "x",
    }],
  ]) await say(action, payload);
}

await client.connect();
await (version === "ocpp1.6" ? play16 : play201)();
await client.close();
console.log("done");
