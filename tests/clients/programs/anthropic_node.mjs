// Anthropic's Node SDK, as its README uses it.

import Anthropic from "@anthropic-ai/sdk";
import { KEY, MODEL, URL_, check, mustFail, run } from "./deeds.mjs";

const client = new Anthropic({ baseURL: URL_, apiKey: KEY });
const hello = { model: MODEL, max_tokens: 64, messages: [{ role: "user", content: "Hello" }] };
const weather = { name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } } } };

await run({
  async messages() {
    const message = await client.messages.create(hello);
    check(message.content[0].text === "Hi there", message);
  },
  async stream() {
    const text = await client.messages.stream(hello).finalText();
    check(text === "Hi there", text);
  },
  async tools() {
    const asked = { ...hello, tools: [weather], tool_choice: { type: "any" } };
    const message = await client.messages.stream(asked).finalMessage();
    check(message.content[0].input.city === "Graz" && message.stop_reason === "tool_use", message);
  },
  async error() {
    const error = await mustFail(() => client.messages.create({ ...hello, model: "claude" }));
    check(error instanceof Anthropic.NotFoundError, error);
  },
});
