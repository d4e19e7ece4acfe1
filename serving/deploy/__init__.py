"""What a Bento and a container image are made of: pinned requirements, and the Dockerfile beside this."""
