"""The connector kit: manifests of vendors' exports, recognition of files, identity, and the project that is written."""
