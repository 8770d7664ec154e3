// Ollama's JavaScript client, as its README uses it.

import { Ollama } from "ollama";
import { KEY, MODEL, URL_, check, mustFail, run } from "./deeds.mjs";

const client = new Ollama({ host: URL_, headers: { Authorization: `Bearer ${KEY}` } });
const asked = { model: MODEL, messages: [{ role: "user", content: "Hello" }] };

await run({
  async chat() {
    const { message } = await client.chat(asked);
    check(message.content === "Hi there", message);
  },
  async stream() {
    let text = "";
    for await (const part of await client.chat({ ...asked, stream: true })) text += part.message.content;
    check(text === "Hi there", text);
  },
  async embeddings() {
    const { embeddings } = await client.embed({ model: MODEL, input: ["a", "b"] });
    check(embeddings.length === 2 && embeddings[0].length === 4, embeddings);
  },
  async models() {
    const { models } = await client.list();
    check(models[0].name === `${MODEL}:latest`, models);
  },
  async error() {
    const error = await mustFail(() => client.chat({ ...asked, model: "llama4" }));
    check(error.status_code === 404, error);
  },
});
