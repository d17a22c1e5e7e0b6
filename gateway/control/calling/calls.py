"""The control plane's calls: one table of method, path, rule, types and permission."""

from gateway.control import apps, channels, lookup, tiers
from gateway.control.calling.call import Call
from gateway.control.calling.reading import read_path
from gateway.control.credentials import acknowledgement, api_keys, management_keys, public_tokens, whoami
from gateway.control.credentials.credential_types import (
    ApiKeyQuery,
    CreateApiKey,
    CreatePublicToken,
    PublicTokenQuery,
    RevokeQuery,
    Rotate,
    UpdateApiKey,
    UpdatePublicToken,
)
from gateway.control.environments import (
    attachments,
    destruction,
    environment_changes,
    environments,
    limits,
    mismatches,
    previews,
    rejections,
    stored_events,
)
from gateway.control.environments.attachments import AttachmentQuery
from gateway.control.environments.limit_types import UpdatePolicy, UsageQuery
from gateway.control.environments.rejections import RejectionQuery
from gateway.control.environments.stored_events import EventQuery
from gateway.control.guarding import approvals, audit
from gateway.control.guarding.approval_types import Action, ApprovalQuery, CreateApproval, Decide
from gateway.control.roles import members, roles
from gateway.control.roles.access_types import (
    AuditQuery,
    CreateManagementKey,
    CreateMember,
    CreateRole,
    CreateRoleBinding,
    RoleBindingQuery,
    UpdateMember,
)
from gateway.control.roles.permissions import Permission
from gateway.control.types import (
    CloneEnvironment,
    CreateApp,
    CreateChannel,
    CreateEnvironment,
    ExtendEnvironment,
    PageQuery,
    Preview,
    UpdateApp,
    UpdateChannel,
    UpdateEnvironment,
    UpsertPreview,
)
from schemas.errors import NO_SUCH_PATH, MethodNotAllowed, NotFound

DESCRIPTION_PATH = "/openapi.json"
"""Where the description of all calls stands, for which no key is needed."""
_CREATED = 201
_EMPTY = 204


def _preview_status(answer: Preview) -> int:
    return _CREATED if answer.token else 200


# fmt: off
CALLS = (
    Call(method="POST", pattern="/apps", run=apps.create, permission=Permission.APP, action="app.create",
         body=CreateApp, status=_CREATED),
    Call(method="GET", pattern="/apps", run=apps.listing, permission=Permission.SEE, query=PageQuery),
    Call(method="GET", pattern="/apps/{id}", run=lookup.app, permission=Permission.SEE),
    Call(method="PATCH", pattern="/apps/{id}", run=apps.update, permission=Permission.APP, action="app.update",
         body=UpdateApp),
    Call(method="DELETE", pattern="/apps/{id}", run=apps.delete, permission=Permission.APP, action="app.delete",
         status=_EMPTY, confirms=True, refusals=(409,)),
    Call(method="POST", pattern="/apps/{id}/environments", run=environments.create,
         permission=Permission.ENVIRONMENT, action="environment.create", body=CreateEnvironment, status=_CREATED),
    Call(method="GET", pattern="/apps/{id}/environments", run=environments.listing, permission=Permission.SEE,
         query=PageQuery),
    Call(method="PUT", pattern="/apps/{id}/environments/by-ref/{ref}", run=previews.upsert,
         permission=Permission.PREVIEW, action="preview.upsert", body=UpsertPreview, status_of=_preview_status,
         refusals=(409,)),
    Call(method="DELETE", pattern="/apps/{id}/environments/by-ref/{ref}", run=previews.delete,
         permission=Permission.PREVIEW, action="preview.delete", status=_EMPTY),
    Call(method="GET", pattern="/environments/{id}", run=mismatches.shown, permission=Permission.SEE),
    Call(method="PATCH", pattern="/environments/{id}", run=environment_changes.update,
         permission=Permission.ENVIRONMENT, action="environment.update", body=UpdateEnvironment, confirms=True,
         approval=Action.LOWER_RETENTION, refusals=(409, 410)),
    Call(method="DELETE", pattern="/environments/{id}", run=destruction.delete, permission=Permission.ENVIRONMENT,
         action="environment.delete", status=_EMPTY, confirms=True, approval=Action.DELETE_ENVIRONMENT,
         refusals=(409,)),
    Call(method="POST", pattern="/environments/{id}/clone", run=environment_changes.clone,
         permission=Permission.ENVIRONMENT, action="environment.clone", body=CloneEnvironment, status=_CREATED),
    Call(method="POST", pattern="/environments/{id}/make-default", run=environment_changes.make_default,
         permission=Permission.PROTECT, action="environment.make_default"),
    Call(method="POST", pattern="/environments/{id}/pause", run=environment_changes.pause,
         permission=Permission.ENVIRONMENT, action="environment.pause", refusals=(410,)),
    Call(method="POST", pattern="/environments/{id}/resume", run=environment_changes.resume,
         permission=Permission.ENVIRONMENT, action="environment.resume", refusals=(410,)),
    Call(method="POST", pattern="/environments/{id}/archive", run=environment_changes.archive,
         permission=Permission.ENVIRONMENT, action="environment.archive", refusals=(410,)),
    Call(method="POST", pattern="/environments/{id}/restore", run=environment_changes.restore,
         permission=Permission.ENVIRONMENT, action="environment.restore", refusals=(410,)),
    Call(method="POST", pattern="/environments/{id}/extend", run=environment_changes.extend,
         permission=Permission.PREVIEW, action="environment.extend", body=ExtendEnvironment, refusals=(410,)),
    Call(method="POST", pattern="/environments/{id}/wipe", run=destruction.wipe, permission=Permission.WIPE,
         action="environment.wipe", confirms=True, approval=Action.WIPE_ENVIRONMENT),
    Call(method="GET", pattern="/environments/{id}/events", run=stored_events.listing,
         permission=Permission.READ_EVENTS, query=EventQuery),
    Call(method="GET", pattern="/environments/{id}/traces/{traceId}", run=stored_events.trace,
         permission=Permission.READ_EVENTS),
    Call(method="GET", pattern="/environments/{id}/attachments", run=attachments.listing,
         permission=Permission.READ_EVENTS, query=AttachmentQuery),
    Call(method="GET", pattern="/environments/{id}/attachments/{ingestId}/{item}", run=attachments.file,
         permission=Permission.READ_EVENTS_WHOLE, is_file=True, refusals=(409,)),
    Call(method="GET", pattern="/environments/{id}/rejections", run=rejections.listing, permission=Permission.SEE,
         query=RejectionQuery),
    Call(method="GET", pattern="/environments/{id}/policy", run=limits.policy, permission=Permission.SEE),
    Call(method="PATCH", pattern="/environments/{id}/policy", run=limits.update_policy,
         permission=Permission.ENVIRONMENT, action="policy.update", body=UpdatePolicy),
    Call(method="GET", pattern="/environments/{id}/usage", run=limits.usage, permission=Permission.SEE,
         query=UsageQuery),
    Call(method="POST", pattern="/apps/{id}/channels", run=channels.create, permission=Permission.CHANNEL,
         action="channel.create", body=CreateChannel, status=_CREATED),
    Call(method="GET", pattern="/apps/{id}/channels", run=channels.listing, permission=Permission.SEE,
         query=PageQuery),
    Call(method="GET", pattern="/channels/{id}", run=lookup.channel_in_path, permission=Permission.SEE),
    Call(method="PATCH", pattern="/channels/{id}", run=channels.update, permission=Permission.CHANNEL,
         action="channel.update", body=UpdateChannel),
    Call(method="DELETE", pattern="/channels/{id}", run=channels.delete, permission=Permission.WIPE,
         action="channel.delete", status=_EMPTY, confirms=True, approval=Action.DELETE_CHANNEL, refusals=(409,)),
    Call(method="POST", pattern="/api-keys", run=api_keys.create, permission=Permission.KEYS, action="key.create",
         body=CreateApiKey, status=_CREATED, refusals=(404,)),
    Call(method="GET", pattern="/api-keys", run=api_keys.listing, permission=Permission.SEE_KEYS, query=ApiKeyQuery),
    Call(method="GET", pattern="/api-keys/{id}", run=lookup.api_key, permission=Permission.SEE_KEYS),
    Call(method="PATCH", pattern="/api-keys/{id}", run=api_keys.update, permission=Permission.KEYS,
         action="key.update", body=UpdateApiKey, refusals=(409,)),
    Call(method="POST", pattern="/api-keys/{id}/revoke", run=api_keys.revoke, permission=Permission.REVOKE,
         action="key.revoke", query=RevokeQuery, then=acknowledgement.await_edges, confirms=True,
         approval=Action.REVOKE_KEY),
    Call(method="POST", pattern="/api-keys/{id}/rotate", run=api_keys.rotate, permission=Permission.KEYS,
         action="key.rotate", body=Rotate, is_body_optional=True, status=_CREATED),
    Call(method="POST", pattern="/public-tokens", run=public_tokens.create, permission=Permission.KEYS,
         action="token.create", body=CreatePublicToken, status=_CREATED, refusals=(404,)),
    Call(method="GET", pattern="/public-tokens", run=public_tokens.listing, permission=Permission.SEE_KEYS,
         query=PublicTokenQuery),
    Call(method="GET", pattern="/public-tokens/{id}", run=lookup.public_token, permission=Permission.SEE_KEYS),
    Call(method="POST", pattern="/public-tokens/{id}/revoke", run=public_tokens.revoke,
         permission=Permission.REVOKE, action="token.revoke", query=RevokeQuery, then=acknowledgement.await_edges),
    Call(method="PATCH", pattern="/public-tokens/{id}", run=public_tokens.update, permission=Permission.KEYS,
         action="token.update", body=UpdatePublicToken, refusals=(409,)),
    Call(method="POST", pattern="/public-tokens/{id}/rotate", run=public_tokens.rotate, permission=Permission.KEYS,
         action="token.rotate", body=Rotate, is_body_optional=True, status=_CREATED),
    Call(method="POST", pattern="/members", run=members.create, permission=Permission.ACCESS,
         action="member.create", body=CreateMember, status=_CREATED),
    Call(method="GET", pattern="/members", run=members.listing, permission=Permission.ACCESS, query=PageQuery),
    Call(method="GET", pattern="/members/{id}", run=members.member, permission=Permission.ACCESS),
    Call(method="PATCH", pattern="/members/{id}", run=members.update, permission=Permission.ACCESS,
         action="member.update", body=UpdateMember, refusals=(409,)),
    Call(method="DELETE", pattern="/members/{id}", run=members.remove, permission=Permission.ACCESS,
         action="member.remove", status=_EMPTY, refusals=(409,)),
    Call(method="POST", pattern="/roles", run=roles.create, permission=Permission.ACCESS, action="role.create",
         body=CreateRole, status=_CREATED),
    Call(method="GET", pattern="/roles", run=roles.listing, permission=Permission.ACCESS, query=PageQuery),
    Call(method="GET", pattern="/roles/{id}", run=roles.role, permission=Permission.ACCESS),
    Call(method="DELETE", pattern="/roles/{id}", run=roles.delete, permission=Permission.ACCESS,
         action="role.delete", status=_EMPTY, refusals=(409,)),
    Call(method="POST", pattern="/role-bindings", run=roles.bind, permission=Permission.ACCESS,
         action="binding.create", body=CreateRoleBinding, status=_CREATED, refusals=(404,)),
    Call(method="GET", pattern="/role-bindings", run=roles.bindings, permission=Permission.ACCESS,
         query=RoleBindingQuery),
    Call(method="DELETE", pattern="/role-bindings/{id}", run=roles.unbind, permission=Permission.ACCESS,
         action="binding.delete", status=_EMPTY, refusals=(409,)),
    Call(method="POST", pattern="/management-keys", run=management_keys.create, permission=Permission.ACCESS,
         action="management_key.create", body=CreateManagementKey, status=_CREATED, refusals=(404,)),
    Call(method="GET", pattern="/management-keys", run=management_keys.listing, permission=Permission.ACCESS,
         query=PageQuery),
    Call(method="GET", pattern="/management-keys/{id}", run=management_keys.management_key,
         permission=Permission.ACCESS),
    Call(method="POST", pattern="/management-keys/{id}/revoke", run=management_keys.revoke,
         permission=Permission.ACCESS, action="management_key.revoke"),
    Call(method="POST", pattern="/approvals", run=approvals.create, permission=Permission.SEE,
         action="approval.create", body=CreateApproval, status=_CREATED, refusals=(404,)),
    Call(method="GET", pattern="/approvals", run=approvals.listing, permission=Permission.SEE, query=ApprovalQuery),
    Call(method="GET", pattern="/approvals/{id}", run=approvals.approval, permission=Permission.SEE),
    Call(method="POST", pattern="/approvals/{id}/approve", run=approvals.approve, permission=Permission.SEE,
         action="approval.approve", body=Decide, is_body_optional=True),
    Call(method="POST", pattern="/approvals/{id}/reject", run=approvals.reject, permission=Permission.SEE,
         action="approval.reject", body=Decide, is_body_optional=True),
    Call(method="GET", pattern="/tiers", run=tiers.listing, permission=Permission.SEE, query=PageQuery),
    Call(method="GET", pattern="/whoami", run=whoami.whoami, permission=None),
    Call(method="GET", pattern="/audit", run=audit.listing, permission=Permission.AUDIT, query=AuditQuery),
    Call(method="GET", pattern="/audit/head", run=audit.head, permission=Permission.AUDIT),
)
# fmt: on


def match(method: str, path: str) -> tuple[Call, dict[str, str]]:
    """Find the call of a method and a path, and the path's parameters; that of HEAD is the one of GET.

    Args:
        method: in capitals.
        path: as it was sent, still percent-encoded, so that an encoded slash stays within its segment.

    Raises:
        NotFound: no call has this path.
        MethodNotAllowed: one has, with another method.
    """
    wanted = "GET" if method == "HEAD" else method
    for call in CALLS:
        if call.method == wanted and (params := read_path(call.pattern, path)) is not None:
            return call, params
    allowed = methods_at(path)
    raise MethodNotAllowed(f"This path takes {', '.join(allowed)}.", allowed=allowed)


def methods_at(path: str) -> tuple[str, ...]:
    """Answer the methods that a path takes: HEAD wherever GET is (RFC 9110 9.1), and OPTIONS; raises as `match`."""
    methods = [call.method for call in CALLS if read_path(call.pattern, path) is not None]
    if path == DESCRIPTION_PATH:
        methods.append("GET")
    if not methods:
        raise NotFound(
            "There is no call with this path. OTLP goes to /v1/traces, /v1/logs and /v1/metrics.", reason=NO_SUCH_PATH
        )
    return (*methods, *(["HEAD"] if "GET" in methods else []), "OPTIONS")
