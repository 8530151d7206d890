"""A local Cloud Run endpoint: the documented behaviour of the API, on one gRPC port.

Built from the google-cloud-run client's own message types, so that the real client talks to it.
It encodes what the documentation says of the API; it is not Google's server, and what is only
documented stays to be confirmed against that. Tasks of jobs and instances of services are real
local processes: the command of their container, as its environment says; images are not run.

This package alone imports google-cloud-run when it is imported; nothing but the program
(`python -m chaosnetra.cloudrun.emulator`) and tests import it.
"""
