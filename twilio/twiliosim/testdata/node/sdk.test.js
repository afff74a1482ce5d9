// Drives a running simulator with Twilio's Node SDK, unmodified but for an HTTP
// client that sends its requests to SIM_URL. See run.sh.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";
import twilio from "twilio";

const { SIM_URL, SIM_ACCOUNT_SID, SIM_AUTH_TOKEN, SIM_SENDER, SIM_PHONES } = process.env;
const phones = SIM_PHONES.split(",");

class Redirected extends twilio.RequestClient {
  request(opts) {
    const to = new URL(opts.uri);
    assert.equal(to.host, "conversations.twilio.com");
    return super.request({ ...opts, uri: SIM_URL + to.pathname + to.search });
  }
}

const client = (password) => twilio(SIM_ACCOUNT_SID, password, { httpClient: new Redirected() }).conversations.v1;
const api = client(SIM_AUTH_TOKEN);

// eventually polls, because receipts come after the answer to the create.
async function eventually(what, probe) {
  const end = Date.now() + 10_000;
  for (;;) {
    const found = await probe();
    if (found) return found;
    assert.ok(Date.now() < end, what);
    await new Promise((next) => setTimeout(next, 20));
  }
}

const refusal = (code, status) => (err) => err.code === code && err.status === status;

// A webhook endpoint that checks every signature with the SDK's own helper.
const hooks = [];
let hookURL;
const server = createServer(async (req, res) => {
  let body = "";
  for await (const chunk of req) body += chunk;
  const params = Object.fromEntries(new URLSearchParams(body));
  const signature = req.headers["x-twilio-signature"];
  hooks.push({ params, verified: twilio.validateRequest(SIM_AUTH_TOKEN, signature, hookURL, params) });
  res.writeHead(204).end();
});

before(async () => {
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  hookURL = `http://127.0.0.1:${server.address().port}/hook?source=node`;
});
after(() => server.close());

test("authentication", async () => {
  await assert.rejects(client("wrong").configuration().fetch(), refusal(20003, 401));
});

test("configuration, webhooks and addresses", async () => {
  const configuration = await api.configuration().fetch();
  assert.match(configuration.defaultChatServiceSid, /^IS[0-9a-f]{32}$/);
  await api.configuration().update({ defaultMessagingServiceSid: configuration.defaultMessagingServiceSid });
  const filters = ["onConversationAdded", "onParticipantAdded", "onMessageAdded", "onDeliveryUpdated"];
  await api.configuration.webhooks().update({ filters, postWebhookUrl: hookURL, method: "POST", target: "webhook" });
  const webhooks = await api.configuration.webhooks().fetch();
  assert.deepEqual([webhooks.filters, webhooks.postWebhookUrl, webhooks.method], [filters, hookURL, "POST"]);

  const address = await api.addressConfigurations.create({ type: "sms", address: SIM_SENDER, "autoCreation.enabled": true, "autoCreation.type": "default" });
  assert.match(address.sid, /^IG[0-9a-f]{32}$/);
  assert.equal((await api.addressConfigurations(address.sid).update({ friendlyName: "node" })).friendlyName, "node");
  assert.equal((await api.addressConfigurations(address.sid).fetch()).autoCreation.enabled, true);
  assert.equal((await api.addressConfigurations.list({ type: "sms" })).length, 1);
  assert.equal(await api.addressConfigurations(address.sid).remove(), true);
});

// family drives the resources of one URL family, reached through root.
async function family(root, phone, name) {
  const conversation = await root.conversations.create({ uniqueName: name, friendlyName: "From Node", attributes: '{"node":true}' });
  const { sid } = conversation;
  assert.match(sid, /^CH[0-9a-f]{32}$/);
  assert.equal(conversation.state, "active");
  assert.ok(conversation.dateCreated instanceof Date);
  await assert.rejects(root.conversations.create({ uniqueName: name }), refusal(50353, 409));
  assert.equal((await root.conversations(name).fetch()).sid, sid);
  assert.equal((await root.conversations(sid).update({ friendlyName: "Changed" })).friendlyName, "Changed");
  assert.ok((await root.conversations.list({ state: "active" })).some((c) => c.sid === sid));

  const here = root.conversations(sid);
  const binding = { "messagingBinding.address": phone, "messagingBinding.proxyAddress": SIM_SENDER };
  const participant = await here.participants.create(binding);
  assert.deepEqual(participant.messagingBinding, { type: "sms", address: phone, proxy_address: SIM_SENDER });
  await assert.rejects(here.participants.create(binding), refusal(50437, 409));
  assert.equal((await here.participants(participant.sid).update({ attributes: '{"vip":1}' })).attributes, '{"vip":1}');
  assert.equal((await here.participants(participant.sid).fetch()).conversationSid, sid);
  assert.equal((await here.participants.list()).length, 1);
  const [seat] = await root.participantConversations.list({ address: phone });
  assert.equal(seat.conversationSid, sid);

  const message = await here.messages.create({ body: "Hello from Node", author: "bot" });
  assert.equal(message.index, 0);
  const receipt = await eventually("a delivered receipt", async () => {
    const receipts = await here.messages(message.sid).deliveryReceipts.list();
    return receipts.find((r) => r.status === "delivered");
  });
  assert.equal((await here.messages(message.sid).deliveryReceipts(receipt.sid).fetch()).participantSid, participant.sid);
  assert.equal((await here.messages(message.sid).fetch()).delivery.delivered, "all");
  assert.equal((await here.messages(message.sid).update({ attributes: '{"seen":1}' })).attributes, '{"seen":1}');
  for (let i = 1; i <= 5; i++) await here.messages.create({ body: `number ${i}` });
  const pages = await here.messages.list({ pageSize: 2 });
  assert.deepEqual(pages.map((m) => m.index), [0, 1, 2, 3, 4, 5]);
  const latest = await here.messages.list({ order: "desc", limit: 1 });
  assert.equal(latest[0].index, 5);
  await assert.rejects(here.messages.create({}), refusal(50503, 400));

  const webhook = await here.webhooks.create({ target: "webhook", "configuration.url": "https://a.example/", "configuration.filters": ["onMessageAdded"] });
  assert.equal((await here.webhooks(webhook.sid).update({ "configuration.url": "https://b.example/" })).configuration.url, "https://b.example/");
  assert.equal((await here.webhooks(webhook.sid).fetch()).target, "webhook");
  assert.equal((await here.webhooks.list()).length, 1);
  assert.equal(await here.webhooks(webhook.sid).remove(), true);
  assert.equal(await here.messages(message.sid).remove(), true);
  return { sid, participant, here };
}

test("the default service", async () => {
  const { sid, participant, here } = await family(api, phones[0], "node-default");

  // A text from the handset, sent as the phone page sends it.
  const sent = await fetch(`${SIM_URL}/phone/${phones[0]}/texts`, {
    method: "POST",
    body: new URLSearchParams({ to: SIM_SENDER, body: "Back to Node & thanks" }),
    redirect: "manual",
  });
  assert.equal(sent.status, 303);
  const inbound = await eventually("onMessageAdded", () => hooks.find((h) => h.params.EventType === "onMessageAdded"));
  assert.equal(inbound.params.Body, "Back to Node & thanks");
  assert.equal(inbound.params.Source, "SMS");
  assert.equal(inbound.params.ConversationSid, sid);
  assert.equal(inbound.params.ParticipantSid, participant.sid);
  await eventually("onDeliveryUpdated", () => hooks.some((h) => h.params.EventType === "onDeliveryUpdated" && h.params.Status === "delivered"));

  const loud = await api.conversations.create({ uniqueName: "node-loud", xTwilioWebhookEnabled: "true" });
  await eventually("onConversationAdded", () => hooks.some((h) => h.params.ConversationSid === loud.sid && h.params.EventType === "onConversationAdded"));
  assert.ok(hooks.every((h) => h.verified), "every webhook verifies with validateRequest");

  const other = api.conversations(loud.sid);
  await assert.rejects(
    other.participants.create({ "messagingBinding.address": phones[0], "messagingBinding.proxyAddress": SIM_SENDER }),
    (err) => refusal(50416, 409)(err) && err.message.includes(sid),
  );
  assert.equal((await here.update({ state: "closed" })).state, "closed");
  await assert.rejects(here.messages.create({ body: "too late" }), refusal(50377, 400));
  assert.equal(await here.participants(participant.sid).remove(), true);
  assert.equal(await here.remove(), true);
  await assert.rejects(here.fetch(), refusal(20404, 404));
});

test("a service of its own", async () => {
  const service = await api.services.create({ friendlyName: "node" });
  assert.match(service.sid, /^IS[0-9a-f]{32}$/);
  assert.equal((await api.services(service.sid).fetch()).friendlyName, "node");
  assert.ok((await api.services.list()).some((s) => s.sid === service.sid));
  const root = api.services(service.sid);
  assert.equal((await root.configuration.webhooks().fetch()).postWebhookUrl, null);
  const webhooks = await root.configuration.webhooks().update({ filters: ["onMessageAdded"], postWebhookUrl: "https://a.example/" });
  assert.equal(webhooks.chatServiceSid, service.sid);
  await root.configuration.webhooks().update({ postWebhookUrl: "" });
  const { sid, participant, here } = await family(root, phones[1], "node-service");
  assert.equal(participant.chatServiceSid, service.sid);
  assert.equal(await here.participants(participant.sid).remove(), true);
  assert.equal(await here.remove(), true);
  assert.equal(await api.services(service.sid).remove(), true);
  await assert.rejects(api.conversations(sid).fetch(), refusal(20404, 404));
});
