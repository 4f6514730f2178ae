"""Names of attributes in the vocabularies that spans are written in, the more precise ones first.

OpenTelemetry's conventions for generative AI (new and old), OpenInference, OpenLLMetry (Traceloop), Vercel's
AI SDK, Logfire, Google's ADK, MLflow, LiveKit, and Langfuse's SDK.
"""

from typing import Final

KIND: Final = (
    "openinference.span.kind",
    "gen_ai.operation.name",
    "llm.request.type",
    "traceloop.span.kind",
    "ai.operationId",
    "langfuse.observation.type",
    "mlflow.spanType",
)
MODEL_KINDS: Final = frozenset(
    {
        *("llm", "generation", "chat_model"),
        *("chat", "text_completion", "generate_content", "generate", "completion", "responses"),
        *("chat.completions", "text.completions", "chat_completion", "chat.completion"),
        *("ai.generatetext.dogenerate", "ai.streamtext.dostream"),
        *("ai.generateobject.dogenerate", "ai.streamobject.dostream"),
    }
)
# What goes into these is no turn of a conversation.
VECTOR_KINDS: Final = frozenset(
    {
        *("embedding", "embeddings", "retriever", "retrieval", "reranker", "rerank"),
        *("ai.embed", "ai.embed.doembed", "ai.embedmany", "ai.embedmany.doembed"),
    }
)
# These ask models about the conversation, and are no part of it.
JUDGE_KINDS: Final = frozenset({"guardrail", "evaluator"})
TOOL_KINDS: Final = frozenset({"tool", "execute_tool", "ai.toolcall"})

CHAT_MODEL: Final = (
    "gen_ai.request.model",
    "gen_ai.response.model",
    "llm.model_name",
    "ai.model.id",
    "llm.request.model",
    "langfuse.observation.model.name",
)
MODEL: Final = (*CHAT_MODEL, "embedding.model_name")
PROVIDER: Final = (
    "gen_ai.provider.name",
    "gen_ai.system",
    "llm.provider",
    "llm.system",
    "ai.model.provider",
)
INPUT_TOKENS: Final = (
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.prompt_tokens",
    "llm.token_count.prompt",
    "ai.usage.inputTokens",
    "ai.usage.promptTokens",
    "llm.usage.prompt_tokens",
)
# What a cache answered, and what was written to it.
CACHE_READ_TOKENS: Final = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "llm.token_count.prompt_details.cache_read",
)
CACHE_WRITE_TOKENS: Final = (
    "gen_ai.usage.cache_write.input_tokens",
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "llm.token_count.prompt_details.cache_write",
)
OUTPUT_TOKENS: Final = (
    "gen_ai.usage.output_tokens",
    "gen_ai.usage.completion_tokens",
    "llm.token_count.completion",
    "ai.usage.outputTokens",
    "ai.usage.completionTokens",
    "llm.usage.completion_tokens",
)
COST: Final = ("llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.total_cost", "operation.cost")
PROMPT_NAME: Final = (
    "gen_ai.prompt.name",
    "langfuse.observation.prompt.name",
    "traceloop.prompt.key",
    "prompt.name",
)
PROMPT_VERSION: Final = (
    "gen_ai.prompt.version",
    "langfuse.observation.prompt.version",
    "traceloop.prompt.version",
    "llm.prompt_template.version",
)

SESSION: Final = (
    "gen_ai.conversation.id",
    "session.id",
    "langfuse.session.id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.thread_id",
    "traceloop.association.properties.conversation_id",
    "ai.telemetry.metadata.sessionId",
    "gcp.vertex.agent.session_id",
)
USER: Final = (
    "user.id",
    "enduser.id",
    "langfuse.user.id",
    "traceloop.association.properties.user_id",
    "ai.telemetry.metadata.userId",
)
ENVIRONMENT: Final = ("deployment.environment.name", "deployment.environment", "langfuse.environment")
# What people write to a trace by themselves: as JSON, or with a name behind a dot.
METADATA: Final = (
    "metadata",
    "langfuse.trace.metadata",
    "ai.telemetry.metadata",
    "traceloop.association.properties",
)
PROPERTIES: Final = ("service.name", "service.version")
# What is read of the resource, which is repeated for each span.
RESOURCE: Final = (*SESSION, *USER, *ENVIRONMENT, *PROPERTIES)
TAGS: Final = ("tag.tags", "langfuse.trace.tags", "ai.telemetry.metadata.tags")
ERROR: Final = (
    "exception.message",
    "error.message",
    "langfuse.observation.status_message",
    "error.type",
    "exception.type",
)
# What is read of a span that is none of an LLM application, such as that of a web server around all.
COMMON: Final = (*RESOURCE, *METADATA, *TAGS, *ERROR)

INPUT: Final = (
    "input.value",
    "traceloop.entity.input",
    "ai.prompt.messages",
    "ai.prompt",
    "gcp.vertex.agent.llm_request",
    "mlflow.spanInputs",
    "lk.chat_ctx",
    "lk.user_transcript",
    "langfuse.observation.input",
    "langfuse.trace.input",
)
OUTPUT: Final = (
    "output.value",
    "traceloop.entity.output",
    "ai.response.text",
    "ai.response.object",
    "ai.result.text",
    "ai.result.object",
    "gcp.vertex.agent.llm_response",
    "mlflow.spanOutputs",
    "lk.response.text",
    "langfuse.observation.output",
    "langfuse.trace.output",
    "final_result",
)

TOOL_NAME: Final = ("gen_ai.tool.name", "tool.name", "ai.toolCall.name", "traceloop.entity.name")
TOOL_ID: Final = ("gen_ai.tool.call.id", "tool_call.id", "tool.id", "ai.toolCall.id")
TOOL_ARGUMENTS: Final = (
    "gen_ai.tool.call.arguments",
    "ai.toolCall.args",
    "tool_arguments",
    "tool.parameters",
    "gcp.vertex.agent.tool_call_args",
    "input.value",
    "traceloop.entity.input",
    "mlflow.spanInputs",
    "langfuse.observation.input",
)
TOOL_RESULT: Final = (
    "gen_ai.tool.call.result",
    "ai.toolCall.result",
    "tool_response",
    "gcp.vertex.agent.tool_response",
    "output.value",
    "traceloop.entity.output",
    "mlflow.spanOutputs",
    "lk.function_tool.output",
    "langfuse.observation.output",
)
