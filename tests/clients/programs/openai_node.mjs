// OpenAI's Node SDK, as its README uses it.

import OpenAI from "openai";
import { KEY, MARK, MODEL, URL_, check, mustFail, run } from "./deeds.mjs";

const client = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: KEY });
const user = { role: "user", content: "Hello" };
const startOver = { role: "user", content: "Please start over." };
const weather = {
  type: "function",
  function: { name: "weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
};

async function streamed(more = {}) {
  let text = "";
  for await (const piece of await client.chat.completions.create({ model: MODEL, messages: [user], stream: true, ...more }))
    text += piece.choices[0].delta.content ?? "";
  return text;
}

await run({
  async chat() {
    const answer = await client.chat.completions.create({ model: MODEL, messages: [user] });
    check(answer.choices[0].message.content === "Hi there", answer);
  },
  async stream() {
    check((await streamed()) === "Hi there", "another text");
  },
  async tools() {
    const asked = { model: MODEL, tools: [weather] };
    const first = await client.chat.completions.create({ ...asked, messages: [user], tool_choice: "required" });
    const { message } = first.choices[0];
    check(JSON.parse(message.tool_calls[0].function.arguments).city === "Graz", message);
    const result = { role: "tool", tool_call_id: message.tool_calls[0].id, content: "sunny" };
    const answer = await client.chat.completions.create({ ...asked, messages: [user, message, result] });
    check(answer.choices[0].message.content === "Hi there", answer);
  },
  async JSON() {
    const text = await streamed({ response_format: { type: "json_object" } });
    check(JSON.parse(text).city === "Graz", text);
  },
  async embeddings() {
    const found = await client.embeddings.create({ model: MODEL, input: ["a", "b"] });
    check(found.data.length === 2 && found.data[0].embedding.length === 4, found);
  },
  async models() {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    check(names.includes(MODEL), names);
  },
  async error() {
    const error = await mustFail(() => client.chat.completions.create({ model: "gpt-5", messages: [user] }));
    check(error instanceof OpenAI.NotFoundError && error.code === "model_not_found", error);
  },
  async "words that start over"() {
    const text = await streamed({ messages: [startOver] });
    check(text.startsWith("Hi ") && text.includes(MARK) && text.endsWith("Hello"), text);
  },
  async "JSON that starts over"() {
    const form = { type: "json_object" };
    const error = await mustFail(() => streamed({ messages: [startOver], response_format: form }));
    check(error instanceof OpenAI.APIError && error.code === "started_over", error);
  },
});
