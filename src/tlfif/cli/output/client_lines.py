"""The lines with which common clients use the model; tried with each of them by ``tests/clients``."""

from dataclasses import dataclass

_OPENAI_PYTHON = """\
# pip install openai
from openai import OpenAI

client = OpenAI(base_url="$URL", api_key="$KEY", timeout=600)
answer = client.chat.completions.create(model="$MODEL", messages=[{"role": "user", "content": "Hello"}])
print(answer.choices[0].message.content)"""
_NODE = """\
// npm install openai
import OpenAI from "openai";

const client = new OpenAI({ baseURL: "$URL", apiKey: "$KEY", timeout: 600000 });
const answer = await client.chat.completions.create({
  model: "$MODEL", messages: [{ role: "user", content: "Hello" }],
});
console.log(answer.choices[0].message.content);"""
_LANGCHAIN = """\
# pip install langchain-openai
from langchain_openai import ChatOpenAI

model = ChatOpenAI(base_url="$URL", api_key="$KEY", model="$MODEL", timeout=600)
print(model.invoke("Hello").content)"""
_LLM = """\
# pip install llm
llm keys set tlfif --value "$KEY"
cat >> "$(dirname "$(llm logs path)")/extra-openai-models.yaml" <<END
- model_id: tlfif
  model_name: $MODEL
  api_base: $URL
  api_key_name: tlfif
END
llm -m tlfif "Hello" """.rstrip()
_LITELLM = """\
# pip install litellm
import litellm

answer = litellm.completion(
    model="openai/$MODEL", api_base="$URL", api_key="$KEY", timeout=600,
    messages=[{"role": "user", "content": "Hello"}],
)
print(answer.choices[0].message.content)"""
_OPEN_WEBUI = """\
# pip install open-webui
export ENABLE_OLLAMA_API=False OPENAI_API_BASE_URL="$URL" OPENAI_API_KEY="$KEY"
# Without these it asks the model for titles, tags and further questions, too: a job each, which keeps a machine busy.
export ENABLE_TITLE_GENERATION=False ENABLE_TAGS_GENERATION=False ENABLE_FOLLOW_UP_GENERATION=False
open-webui serve
# In a container on Linux: docker run --network host -e OPENAI_API_BASE_URL -e OPENAI_API_KEY -e ENABLE_OLLAMA_API \\
#   -e ENABLE_TITLE_GENERATION -e ENABLE_TAGS_GENERATION -e ENABLE_FOLLOW_UP_GENERATION ghcr.io/open-webui/open-webui
# With Docker Desktop: ./tlfif serve --allow-host host.docker.internal, and that name instead of 127.0.0.1"""
_CONTINUE = """\
# In ~/.continue/config.yaml
name: TL-FIF
version: 1.0.0
schema: v1
models:
  - name: TL-FIF
    provider: openai
    model: $MODEL
    apiBase: $URL
    apiKey: $KEY
    roles: [chat, edit, apply]"""
_AIDER = """\
# pip install aider-chat
export OPENAI_API_BASE="$URL" OPENAI_API_KEY="$KEY"
aider --model "openai/$MODEL" --timeout 600"""
_CURL = """\
curl "$URL/chat/completions" --header "Authorization: Bearer $KEY" --json \\
  '{"model": "$MODEL", "messages": [{"role": "user", "content": "Hello"}]}'"""
_ANTHROPIC = """\
# pip install anthropic
from anthropic import Anthropic

client = Anthropic(base_url="$ROOT", api_key="$KEY", timeout=600)
answer = client.messages.create(model="$MODEL", max_tokens=256, messages=[{"role": "user", "content": "Hello"}])
print(answer.content[0].text)"""
_OLLAMA = """\
# pip install ollama
from ollama import Client

client = Client(host="$OLLAMA", timeout=600)
print(client.chat(model="$MODEL", messages=[{"role": "user", "content": "Hello"}]).message.content)

# Programs that take the address from the environment: export OLLAMA_HOST="$OLLAMA\""""

LINES = {
    "openai-python": _OPENAI_PYTHON,
    "node": _NODE,
    "langchain": _LANGCHAIN,
    "llm": _LLM,
    "litellm": _LITELLM,
    "open-webui": _OPEN_WEBUI,
    "continue": _CONTINUE,
    "aider": _AIDER,
    "curl": _CURL,
    "anthropic": _ANTHROPIC,
    "ollama": _OLLAMA,
}
"""By the client's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """Where a program gets in. ``root`` is the server's address, without a slash at its end."""

    root: str
    key: str
    model: str

    @property
    def openai_url(self) -> str:
        """OpenAI's base URL."""
        return f"{self.root}/v1"

    @property
    def ollama_url(self) -> str:
        """Ollama's host. The key is in it, because most of its clients can send none."""
        return f"{self.root}/key/{self.key}"


def lines_for(client: str, at: Entrance) -> str:
    """What to type or write for that client."""
    text = LINES[client]
    known = {"URL": at.openai_url, "ROOT": at.root, "OLLAMA": at.ollama_url, "KEY": at.key, "MODEL": at.model}
    for name, value in known.items():
        text = text.replace("$" + name, value)
    return text


def environment_lines(at: Entrance, *, windows: bool) -> str:
    """The variables that clients of OpenAI and Anthropic read, as commands of the shell."""
    found = {
        "OPENAI_BASE_URL": at.openai_url,
        "OPENAI_API_BASE": at.openai_url,
        "OPENAI_API_KEY": at.key,
        "ANTHROPIC_BASE_URL": at.root,
        "ANTHROPIC_API_KEY": at.key,
    }
    how = '$env:{} = "{}"' if windows else "export {}='{}'"
    return "\n".join(how.format(name, value) for name, value in found.items())


SYSTEMD = """\
# In ~/.config/systemd/user/tlfif.service; then: systemctl --user enable --now tlfif
[Unit]
Description=TL-FIF's server, for other programs

[Service]
Environment={environment}
ExecStart={program} serve --foreground
Restart=on-failure
RestartSec=30

[Install]
WantedBy=default.target"""
LAUNCHD = """\
<!-- In ~/Library/LaunchAgents/tlfif.plist; then: launchctl load -w ~/Library/LaunchAgents/tlfif.plist -->
<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
  <key>Label</key><string>tlfif</string>
  <key>EnvironmentVariables</key><dict><key>TLFIF_HOME</key><string>{home}</string></dict>
  <key>ProgramArguments</key><array><string>{program}</string><string>serve</string><string>--foreground</string></array>
  <key>RunAtLoad</key><true/>
</dict></plist>"""
WINDOWS = 'schtasks /create /tn TL-FIF /sc onlogon /tr "{program} serve"'


def login_lines(system: str, *, program: str, home: str) -> str:
    """What starts the server at each login. ``system`` is ``sys.platform``."""
    if system == "win32":
        return WINDOWS.format(program=program)
    if system == "darwin":
        return LAUNCHD.format(program=program, home=home)
    quoted = f'"TLFIF_HOME={home}"'
    return SYSTEMD.format(program=program, environment=quoted)
