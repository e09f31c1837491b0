// Sends orders with Segment's own client for Node: node deliver.mjs ADDRESS WRITE_KEY COUNT
import { Analytics } from "@segment/analytics-node";

const [host, writeKey, count] = process.argv.slice(2);
const analytics = new Analytics({ writeKey, host, flushAt: 20, flushInterval: 100, maxRetries: 20 });
const failed = [];
analytics.on("error", (error) => failed.push(String(error.reason ?? error.code)));
analytics.identify({ userId: "node-user", traits: { phone: "13911110003", name: "李雷" } });
for (let number = 0; number < Number(count); number++) {
  analytics.track({
    userId: "node-user",
    anonymousId: undefined,
    event: "order.paid",
    properties: { order_id: `n${number}`, amount: 100 },
  });
}
await analytics.closeAndFlush({ timeout: 60000 });
if (failed.length) {
  console.error(failed.join("\n"));
  process.exit(1);
}
