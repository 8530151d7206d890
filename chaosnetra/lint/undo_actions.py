"""Which action of ours undoes which; a test holds it against all there are."""

_TOXICS = "chaosnetra.toxiproxy.actions"
_CONNECTOR = "chaosnetra.connector.actions"
_POSTGRES = "chaosnetra.postgres.actions"
_CLOUD_RUN = "chaosnetra.cloudrun.actions"
_PRESSURE = "chaosnetra.pressure.actions"

# (module, action): the action of the same module that undoes it.
UNDONE_BY = {
    (_TOXICS, "add_latency"): "remove_toxic",
    (_TOXICS, "add_bandwidth_limit"): "remove_toxic",
    (_TOXICS, "add_slow_close"): "remove_toxic",
    (_TOXICS, "add_timeout"): "remove_toxic",
    (_TOXICS, "add_reset_peer"): "remove_toxic",
    (_TOXICS, "add_slicer"): "remove_toxic",
    (_TOXICS, "add_data_limit"): "remove_toxic",
    (_TOXICS, "create_proxy"): "delete_proxy",
    (_TOXICS, "disable_proxy"): "enable_proxy",
    (_CONNECTOR, "limit_connector"): "restore_connector",
    (_CONNECTOR, "change_connector"): "restore_connector",
    (_POSTGRES, "hold_connections"): "release_connections",
    (_POSTGRES, "press_database"): "release_pressure",
    (_POSTGRES, "lock_catalog"): "release_catalog",
    (_CLOUD_RUN, "scale_service"): "restore_service",
    (_PRESSURE, "apply_pressure"): "relieve_pressure",
}

# Actions that need none: they undo something themselves, or change only what another action put in
# place and its undo action removes.
NEEDS_NONE = {
    (_TOXICS, "enable_proxy"),
    (_TOXICS, "delete_proxy"),
    (_TOXICS, "remove_toxic"),
    (_TOXICS, "update_toxic"),
    (_CONNECTOR, "restore_connector"),
    (_POSTGRES, "release_connections"),
    (_POSTGRES, "release_pressure"),
    (_POSTGRES, "release_catalog"),
    (_CLOUD_RUN, "restore_service"),
    (_PRESSURE, "relieve_pressure"),
}

# Actions that are another one in each environment, and the arguments that name it.
BY_ENVIRONMENT = {(_PRESSURE, "apply_pressure"), (_PRESSURE, "relieve_pressure")}
ENVIRONMENTS = ("local", "staging")

# Arguments that say what an action acts on: an action and its undo must agree on them.
NAMING = ("name", "proxy")
