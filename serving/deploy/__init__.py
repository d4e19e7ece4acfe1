"""What a Bento and a container image of the service are made of: pinned requirements, and the Dockerfile beside this."""
